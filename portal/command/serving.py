"""The commands that stay: web server, gateway alone, worker, beat and local model server, each in the foreground."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from portal.embedded.trouble import CannotStart

KEPT_STREAMS_S = 4  # how long an answer that is under way may go on after the server was told to stop


def web(options: argparse.Namespace) -> None:
    """Granian with the portal and the gateway."""
    from portal.supervisor.installation import count

    _serve("portal.asgi:application", count("ATRIUM_WEB_WORKERS", 1), options)


def gateway(options: argparse.Namespace) -> None:
    """Granian with the gateway alone."""
    from portal.supervisor.installation import count

    _serve("portal.gateway_asgi:application", options.workers or count("ATRIUM_GATEWAY_WORKERS", 1), options)


def _serve(target: str, workers: int, options: argparse.Namespace) -> None:
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    from portal.supervisor.installation import installation

    here = installation()
    _refuse_unfit_production()
    reload: dict[str, Any] = {}
    if options.reload:
        reload = {"reload": True, "reload_ignore_dirs": [".venv", ".git", ".atrium", "node_modules", "tests"]}
    Granian(
        target,
        address=here.host,
        port=here.port,
        interface=Interfaces.ASGI,
        workers=workers,
        respawn_failed_workers=True,
        workers_kill_timeout=KEPT_STREAMS_S,
        websockets=False,
        log_access=options.access_log,
        log_level=LogLevels(_log_level().lower()),
        **reload,
    ).serve(target_loader=load_application)


def load_application(target: str) -> Callable[..., Any]:
    """Run in each of the server's processes: the process is tied to its master, then loads what it serves."""
    from portal.supervisor.mortality import die_with_parent

    die_with_parent()
    module, name = target.split(":")
    from django.core.exceptions import ImproperlyConfigured

    try:
        application: Callable[..., Any] = getattr(import_module(module), name)
    except ImproperlyConfigured as error:
        sys.exit(f"atrium: {error}")
    return application


def worker(options: argparse.Namespace) -> None:
    """Celery's worker. Threads, because the jobs wait for the database; `--pool prefork` where they compute."""
    from portal.supervisor.installation import count

    concurrency = options.concurrency or count("ATRIUM_WORKER_CONCURRENCY", 2)
    os.environ.setdefault("DATABASE_POOL_SIZE", str(max(4, concurrency + 2)))
    os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # they load every page; `make test` has run them
    _refuse_unfit_production()
    from portal.celery import app

    app.worker_main(
        [
            *("--quiet", "worker"),
            *("--pool", options.pool, "--concurrency", str(concurrency)),
            *("--loglevel", _log_level(), "--hostname", "atrium@%h"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ]
    )


def beat(options: argparse.Namespace) -> None:
    """Celery's clock. Exactly one of these runs in an installation."""
    _refuse_unfit_production()
    from portal import clock

    clock.run(_log_level())


def models(options: argparse.Namespace) -> None:
    """The local model server."""
    from portal.embedded.models import serve
    from portal.supervisor.installation import installation

    folder = installation().data_folder
    folder.mkdir(parents=True, exist_ok=True)
    serve(options.port, folder)


def _refuse_unfit_production() -> None:
    """Ask the checks, in production only: the web server's master need not load Django otherwise."""
    if os.environ.get("ATRIUM_MODE") == "production":
        from django.db import connections

        from portal import checks
        from portal.command.django import prepare_django

        prepare_django()
        checks.refuse_unfit_production()
        connections.close_all()  # the server's processes are forked from this one


def _log_level() -> str:
    level = os.environ.get("LOG_LEVEL", "WARNING").upper()
    if level not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        raise CannotStart(f"LOG_LEVEL is {level!r}; it must be DEBUG, INFO, WARNING, ERROR or CRITICAL.")
    return level
