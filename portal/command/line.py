"""The command line's grammar, and the one place where trouble becomes a line on stderr and an exit status.

Nothing heavy is imported before a command is known to need it. Exit status: 0 done, 1 trouble, 2 not understood.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from portal.command.django import complain, not_running, prepare_django, run_management_command
from portal.embedded.trouble import CannotStart

DATABASE_COMMANDS = {
    "key",
    "token",
    "audit",
    "demo",
    "explain",
    "isolation",
    "ledger",
    "tail",
    "tenant",
    "apply",
    "policy",
}


class Parser(argparse.ArgumentParser):
    """argparse with one line where it is misunderstood."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. See: {self.prog} --help\n")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    parser, ours = grammar()
    try:
        if arguments and not arguments[0].startswith("-") and arguments[0] not in ours:
            return run_management_command(arguments)
        options = parser.parse_args(arguments)
        if arguments and arguments[0] in DATABASE_COMMANDS:
            prepare_django()
        status = options.run(options)
        return int(status or 0)
    except CannotStart as trouble:
        return complain(str(trouble)) if str(trouble) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader (`| head`) has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        line = expected_trouble(error)
        if line is None:
            raise
        return complain(line)


def expected_trouble(error: Exception) -> str | None:
    """The line for trouble that is the world's and not a defect of ours, else None."""
    if "django" not in sys.modules:
        return None
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import CommandError
    from django.db import OperationalError, ProgrammingError

    from refusals import Refusal

    if isinstance(error, Refusal):
        return error.sentence
    if isinstance(error, CommandError | ImproperlyConfigured):
        return str(error)
    if isinstance(error, OperationalError):
        return not_running()
    if isinstance(error, ProgrammingError) and "does not exist" in str(error):
        return "The database has no tables of this release yet. Run `atrium up` or `atrium prepare` first."
    return None


def grammar() -> tuple[Parser, set[str]]:
    """The parser, and the names of our own commands; every other name is Django's."""
    parser = Parser(
        prog="atrium",
        description="The portal and gateway of an enterprise generative-AI foundation.",
        epilog="Every management command of Django works too: atrium migrate, atrium shell, atrium createsuperuser …",
    )
    parser.add_argument("--version", action="version", version=f"atrium {_version()}")
    parser.set_defaults(run=lambda options: parser.print_help())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)

    up = commands.add_parser("up", help="start every part and keep it running, in the foreground")
    up.add_argument("--verbose", action="store_true", help="the parts write to this terminal instead of their logs")
    up.add_argument("--reload", action="store_true", help="start the web server again when a source file changes")
    up.set_defaults(run=_later("portal.supervisor.up", "command"))

    prepare = commands.add_parser("prepare", help="bring database and assets to this release; `up` does it by itself")
    prepare.set_defaults(run=_prepare)

    web = commands.add_parser("web", help="the web server alone")
    web.add_argument("--reload", action="store_true", help="start again when a source file changes")
    web.add_argument("--access-log", action="store_true", help="write a line for each request")
    web.set_defaults(run=_later("portal.command.serving", "web"))

    gateway = commands.add_parser("gateway", help="the gateway alone: /v1, /metrics, /healthz and /readyz, no pages")
    gateway.add_argument("--workers", type=_from_one, help="how many processes (ATRIUM_GATEWAY_WORKERS, else 1)")
    gateway.add_argument("--reload", action="store_true", help="start again when a source file changes")
    gateway.add_argument("--access-log", action="store_true", help="write a line for each request")
    gateway.set_defaults(run=_later("portal.command.serving", "gateway"))

    worker = commands.add_parser("worker", help="a worker for the background jobs")
    worker.add_argument("--concurrency", type=int, help="how many jobs at once (ATRIUM_WORKER_CONCURRENCY, else 2)")
    worker.add_argument("--pool", choices=["threads", "prefork", "solo"], default="threads")
    worker.set_defaults(run=_later("portal.command.serving", "worker"))

    beat = commands.add_parser("beat", help="the clock of the background jobs; exactly one runs")
    beat.set_defaults(run=_later("portal.command.serving", "beat"))

    models = commands.add_parser("models", help="the local model server alone")
    models.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    models.set_defaults(run=_later("portal.command.serving", "models"))

    demo = commands.add_parser("demo", help="load, reset or remove the demonstration data")
    chosen = demo.add_mutually_exclusive_group()
    chosen.add_argument("--remove", action="store_true", help="remove it; only the audit remembers")
    chosen.add_argument("--reset", action="store_true", help="remove it and load it again")
    demo.add_argument("--json", action="store_true", help="answer in JSON")
    demo.set_defaults(run=_demonstration)

    _add_issuing(commands)
    _add_applying(commands)

    doctor = commands.add_parser("doctor", help="check every part and say how to mend it")
    doctor.add_argument("--json", action="store_true", help="answer in JSON")
    doctor.set_defaults(run=_later("portal.command.doctor", "examine"))

    audit = commands.add_parser("audit", help="the audit").add_subparsers(required=True, metavar="verify")
    verify = audit.add_parser("verify", help="recompute the audit and name what was changed, removed or inserted")
    for name, text in {"--since": "first day", "--until": "last day", "--receipt": "a receipt it must hold"}.items():
        verify.add_argument(name, help=text)
    verify.add_argument("--accept-restored", action="store_true", help="accept that an older database was restored")
    verify.add_argument("--json", action="store_true", help="answer in JSON")
    verify.set_defaults(run=_verify_audit)

    _add_deciding(commands)

    ledger = commands.add_parser("ledger", help="the ledger of calls").add_subparsers(
        required=True, metavar="retry-refused"
    )
    retry = ledger.add_parser("retry-refused", help="offer it again the calls that it refused")
    retry.set_defaults(run=_retry_refused)

    watched = commands.add_parser("tail", help="show a tenant's calls as they start and end")
    watched.add_argument("tenant", metavar="TENANT", help="its short name")
    watched.add_argument("--as", dest="as_user", metavar="USER", required=True, help="who watches, what they may see")
    for name in ("project", "environment", "route", "key", "outcome", "origin"):
        watched.add_argument(f"--{name}", help="as the filter of that name in the list of calls")
    watched.add_argument("--once", action="store_true", help="look once")
    watched.add_argument("--json", action="store_true", help="a line of JSON for each")
    watched.set_defaults(run=_later("portal.command.tailing", "tail"))

    policy = commands.add_parser(
        "policy", help="write the policies of governance as YAML, check a file, put it in force"
    )
    policy.add_argument("do", choices=["export", "check", "import"])
    policy.add_argument("file", nargs="?", help="- is standard input or output")
    policy.set_defaults(run=_later("portal.command.governing", "policy"))

    why = commands.add_parser("explain", help="say why somebody may do something, or may not")
    why.add_argument("user", metavar="USER")
    why.add_argument("permission", metavar="PERMISSION", help="as manage_keys, or tenants.manage_keys")
    why.add_argument("object", metavar="TENANT[/PROJECT[/ENVIRONMENT]]", nargs="?", help="above tenants unless told")
    why.add_argument("--json", action="store_true", help="answer in JSON")
    why.set_defaults(run=_later("portal.command.explaining", "explain"))

    isolation = commands.add_parser("isolation", help="the walls between tenants").add_subparsers(
        required=True, metavar="verify"
    )
    walls = isolation.add_parser("verify", help="prove that every table of tenants has both walls, and attack each")
    walls.add_argument("--json", action="store_true", help="answer in JSON")
    walls.set_defaults(run=_later("portal.command.isolating", "verify"))

    rotate = commands.add_parser("credential-rotate", help="encrypt the providers' credentials with the newest key")
    rotate.set_defaults(run=_later("portal.command.issuing", "rotate_credentials"))

    secret = commands.add_parser("credential-key", help="make a key for ATRIUM_CREDENTIAL_KEYS and print it")
    secret.set_defaults(run=_make_credential_key)
    return parser, set(commands.choices)


def _from_one(text: str) -> int:
    """A whole number from 1 up, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def _version() -> str:
    from importlib.metadata import version

    return version("atrium")


def _add_issuing(commands: argparse._SubParsersAction[Parser]) -> None:
    key = commands.add_parser("key", help="keys of environments").add_subparsers(required=True, metavar="issue")
    issue_key = key.add_parser("issue", help="issue a key and print it, this once")
    issue_key.add_argument("--environment", required=True, metavar="TENANT/PROJECT/ENVIRONMENT")
    issue_key.add_argument("--name", default="Command line")
    issue_key.add_argument("--by", metavar="USER", help="the account that the audit names; otherwise this terminal's")
    issue_key.add_argument("--json", action="store_true", help="answer in JSON")
    issue_key.set_defaults(run=_later("portal.command.issuing", "issue_key"))

    token = commands.add_parser("token", help="tokens of people").add_subparsers(required=True, metavar="issue")
    issue_token = token.add_parser("issue", help="issue a token for the REST API and print it, this once")
    issue_token.add_argument("--user", required=True, metavar="USER")
    issue_token.add_argument("--name", default="Command line")
    issue_token.add_argument("--by", metavar="USER", help="the account that the audit names; otherwise the user")
    issue_token.add_argument("--json", action="store_true", help="answer in JSON")
    issue_token.set_defaults(run=_later("portal.command.issuing", "issue_token"))


def _add_deciding(commands: argparse._SubParsersAction[Parser]) -> None:
    decision = commands.add_parser("decision", help="decisions, their seals and the keys that sign").add_subparsers(
        required=True, metavar="verify|keys|new-key|seal"
    )
    verify = decision.add_parser("verify", help="verify an archive offline, or every decision of this installation")
    verify.add_argument("file", metavar="FILE", nargs="?", help="the archive of a decision")
    verify.add_argument("--key", action="append", metavar="FILE", help="public keys: PEM, base64 or the published list")
    verify.add_argument("--all", action="store_true", help="every decision in the database, and the chain")
    verify.add_argument("--json", action="store_true", help="answer in JSON")
    verify.set_defaults(run=_later("portal.command.deciding", "verify"))
    keys = decision.add_parser("keys", help="list the keys that sign or signed")
    keys.add_argument("--rotate", action="store_true", help="make a new one in the data folder first")
    keys.add_argument("--json", action="store_true", help="answer in JSON")
    keys.set_defaults(run=_later("portal.command.deciding", "keys"))
    new_key = decision.add_parser("new-key", help="make a key for ATRIUM_DECISION_KEYS and print it")
    new_key.set_defaults(run=_later("portal.command.deciding", "new_key"))
    seal = decision.add_parser("seal", help="take into the chain what was decided before there was one")
    seal.set_defaults(run=_later("portal.command.deciding", "seal"))


def _add_applying(commands: argparse._SubParsersAction[Parser]) -> None:
    who = "the person who does it, with what they may; otherwise this terminal's operator"
    tenant = commands.add_parser("tenant", help="tenants").add_subparsers(required=True, metavar="export")
    export = tenant.add_parser("export", help="write a tenant's structure as YAML: projects, people, limits, budgets")
    export.add_argument("tenant", metavar="TENANT", help="its short name")
    export.add_argument("-o", "--output", metavar="FILE", help="stdout unless told")
    export.add_argument("--as", dest="as_user", metavar="USER", help=who)
    export.set_defaults(run=_later("portal.command.applying", "export"))

    apply = commands.add_parser("apply", help="bring a tenant to what a YAML file says: show, ask, do all or nothing")
    apply.add_argument("-f", "--file", required=True, help="the file, as `atrium tenant export` writes it; - for stdin")
    apply.add_argument("--prune", action="store_true", help="also remove what is there and the file does not name")
    doing = apply.add_mutually_exclusive_group()
    doing.add_argument("--yes", action="store_true", help="do not ask")
    doing.add_argument("--check", action="store_true", help="change nothing; exit status 2 where something differs")
    apply.add_argument("--as", dest="as_user", metavar="USER", help=who)
    apply.add_argument("--json", action="store_true", help="answer in JSON")
    apply.set_defaults(run=_later("portal.command.applying", "apply"))


def _prepare(options: argparse.Namespace) -> int:
    from portal.supervisor.preparing import main as prepare

    return prepare()


def _later(module: str, function: str) -> Callable[[argparse.Namespace], int | None]:
    """The function, imported when it is called."""

    def call(options: argparse.Namespace) -> int | None:
        from importlib import import_module

        status: int | None = getattr(import_module(module), function)(options)
        return status

    return call


def _demonstration(options: argparse.Namespace) -> int:
    return _call("demo", *[f"--{name}" for name in ("remove", "reset", "json") if getattr(options, name)])


def _verify_audit(options: argparse.Namespace) -> int:
    given = [f"--{name}={value}" for name in ("since", "until", "receipt") if (value := getattr(options, name))]
    given += [f"--{name.replace('_', '-')}" for name in ("accept_restored", "json") if getattr(options, name)]
    return _call("audit_verify", *given)


def _retry_refused(options: argparse.Namespace) -> int:
    from django.conf import settings

    from gateway.delivery import retry_refused
    from tenants.scope import everything

    with everything("the ledger takes the calls of every tenant"):
        written, left = retry_refused(settings.JOURNAL_FOLDER)
    print(f"{written} calls are in the ledger now; it still refuses {left}.")
    return int(left > 0)


def _call(name: str, *arguments: str) -> int:
    """Run a management command of ours without Django's checks of every page first."""
    from django.core.management import call_command

    try:
        call_command(name, *arguments)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _make_credential_key(options: argparse.Namespace) -> None:
    from cryptography.fernet import Fernet

    print(Fernet.generate_key().decode())
