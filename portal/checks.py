"""What a production installation must not have: each finding says why and how to mend it, and nothing starts with one.

Django's own check framework holds them (`atrium check --deploy` shows them all); `refuse_unfit_production` is what
every part asks before it starts, and what the ASGI and WSGI entries ask, whatever server loads them.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from portal.embedded.trouble import CannotStart

TAG = "atrium_production"


def refuse_unfit_production(*, has_tables: bool = True, database_may_be_away: bool = False) -> None:
    """Raise `CannotStart` with every finding, one a line, when this is production and unfit for it.

    Without tables yet (`has_tables`) only the settings are looked at, so that nothing is made before they are right. A
    server's process that is started again while the database is away (`database_may_be_away`) has been asked before.
    """
    if settings.MODE != "production":
        return
    from django.db import OperationalError

    findings = checks.run_checks(tags=[TAG], include_deployment_checks=True, databases=[])
    try:
        findings += no_demonstration(None, databases=["default"]) if has_tables else []
    except OperationalError:
        if (
            not findings and not database_may_be_away
        ):  # what the settings lack is told even where the database cannot be asked
            raise
    if findings:
        raise CannotStart("\n".join(f"Not fit for production: {finding.msg} {finding.hint}" for finding in findings))


@checks.register(TAG, deploy=True)
def no_debug(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """DEBUG shows settings and source to whoever meets an error."""
    if not settings.DEBUG:
        return []
    return [checks.Error("DEBUG is on; it shows code and settings to everybody.", "Unset DEBUG.", id="atrium.E001")]


@checks.register(TAG, deploy=True)
def own_secret(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """With a known secret anybody can sign themselves in as anybody."""
    weak = settings.SECRET_KEY == settings.DEFAULT_SECRET_KEY or len(settings.SECRET_KEY) < 32
    if not weak:
        return []
    hint = "Set SECRET_KEY to at least 50 random characters, the same on every host."
    return [checks.Error("SECRET_KEY is the default one or too short to be secret.", hint, id="atrium.E002")]


@checks.register(TAG, deploy=True)
def own_hosts(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Without its public names the portal answers nobody, and with `*` it believes any name."""
    local = {"127.0.0.1", "localhost", "[::1]", "testserver"}
    public = [host for host in settings.ALLOWED_HOSTS if host not in local]
    if public and "*" not in public:
        return []
    hint = "Set ALLOWED_HOSTS to the names under which people reach it, separated by commas."
    return [checks.Error("ALLOWED_HOSTS names no public host, or every host.", hint, id="atrium.E003")]


@checks.register(TAG, deploy=True)
def credential_key(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """The providers' credentials need a key of their own to be stored at all."""
    from cryptography.fernet import Fernet

    hint = (
        "Set ATRIUM_CREDENTIAL_KEYS to a key made by `atrium credential-key`, the same on every host "
        "(newest first when you change it)."
    )
    if not settings.CREDENTIAL_KEYS:
        return [checks.Error("There is no key to encrypt the providers' credentials.", hint, id="atrium.E004")]
    for key in settings.CREDENTIAL_KEYS:
        try:
            Fernet(key)
        except ValueError:
            return [checks.Error("ATRIUM_CREDENTIAL_KEYS holds something that is no key.", hint, id="atrium.E005")]
    return []


@checks.register(TAG, checks.Tags.database, deploy=True)
def no_demonstration(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """The password of the demonstration accounts is in the documentation."""
    from django.contrib.auth import get_user_model
    from django.db import ProgrammingError

    if not databases:
        return []
    try:
        accounts = get_user_model().objects.filter(is_demonstration=True, is_active=True).count()
    except ProgrammingError:  # no tables yet: nobody is there
        return []
    if not accounts:
        return []
    message = f"{accounts} demonstration accounts exist, whose password everybody knows."
    hint = "Run `atrium demo --remove` with ATRIUM_MODE unset, or start with an empty database."
    return [checks.Error(message, hint, id="atrium.E006")]
