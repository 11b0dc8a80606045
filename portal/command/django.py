"""Django for a command: loaded only when a command needs it, and without the web server's connection pool.

A pool would answer a stopped database with ten seconds of silence; a command says at once that it is not running.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from portal.embedded.addresses import AS_OWNER

OF_THE_OWNER = {"migrate", "createcachetable", "pgtrigger"}  # commands that make or change tables


def sign_in_for(command: str) -> None:
    """Say to the settings, before they are read, that `command` needs the role that owns the tables."""
    if command in OF_THE_OWNER:
        os.environ[AS_OWNER] = "yes"


def prepare_django() -> None:
    """Load the settings and the apps. Safe to call twice."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from django.apps import apps

    if apps.ready:
        return
    import django
    from django.conf import settings

    settings.DATABASES["default"]["OPTIONS"].pop("pool", None)
    django.setup()


def run_management_command(arguments: list[str]) -> int:
    """Hand `arguments` to Django, as `manage.py` would; its exit status."""
    sign_in_for(arguments[0])
    prepare_django()
    from django.core.management import ManagementUtility, get_commands

    if arguments[0] not in get_commands() and arguments[0] not in ("help", "version"):
        return complain(f"there is no command “{arguments[0]}”. See: atrium --help")
    try:
        with as_operator(arguments[0]):
            ManagementUtility(["atrium", *arguments]).execute()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


@contextmanager
def as_operator(command: str) -> Iterator[None]:
    """Whoever has a shell on the machine looks at the whole: `shell` and `dbshell` reach the rows of every tenant."""
    from tenants.scope import everything

    if command == "dbshell":
        os.environ.setdefault("PGOPTIONS", "-c atrium.tenants=*")  # psql reads it
    with everything("an operator's command"):
        yield


def not_running() -> str:
    """The line for a command that found no database."""
    from portal.supervisor.installation import installation

    here = installation()
    if not here.embedded_database:
        return "The database in DATABASE_URL does not answer."
    return f"The database in {here.data_folder} is not running. Start Atrium (make run, or atrium up) and try again."


def complain(line: str) -> int:
    """One line on stderr; the exit status of trouble."""
    print(f"atrium: {line}", file=sys.stderr)
    return 1
