"""Keys and tokens from the command line: the secret alone on stdout, so that a script can keep it."""

from __future__ import annotations

import argparse
import getpass
import json
from typing import TYPE_CHECKING, Any

from portal.embedded.trouble import CannotStart
from tenants.scope import everything

if TYPE_CHECKING:
    from tenants.models import Environment, User


@everything("an operator names the environment")
def issue_key(options: argparse.Namespace) -> None:
    """Issue a key of an environment."""
    from tenants import keys

    issued = keys.issue(environment=_environment(options.environment), name=options.name, by=actor(options.by))
    if options.json:
        facts = {"id": str(issued.key.pk), "prefix": issued.key.prefix, "environment": options.environment}
        print(json.dumps({**facts, "key": issued.secret}))
    else:
        print(issued.secret)


def issue_token(options: argparse.Namespace) -> None:
    """Issue a token of a person for the control-plane API."""
    from tenants import tokens

    user = active_user(options.user)
    token, secret = tokens.issue(user=user, name=options.name, by=user if not options.by else actor(options.by))
    if options.json:
        print(json.dumps({"id": str(token.pk), "prefix": token.prefix, "user": user.username, "token": secret}))
    else:
        print(secret)


def rotate_credentials(options: argparse.Namespace) -> None:
    """Encrypt what is kept of providers and webhooks, and the keys of content and documents, with the newest key."""
    from cryptography.fernet import InvalidToken

    from approvals.attachments.content import rotate_document_keys
    from catalog.providers import rotate_credentials as rotate
    from notices.webhooks.endpoints import encrypt_again
    from usage.bodies.packing import rotate_keys

    try:
        count = rotate(by=actor(None)) + encrypt_again(by=actor(None))
        both = rotate_keys(by=actor(None)), rotate_document_keys(by=actor(None))
        keys, lost = (sum(each) for each in zip(*both, strict=True))
    except InvalidToken as error:
        raise CannotStart("A credential fits none of ATRIUM_CREDENTIAL_KEYS. Add the key it was kept with.") from error
    if lost:
        print(f"{lost} keys of kept content and documents fit none of ATRIUM_CREDENTIAL_KEYS and were passed over: add "
              "the key that they were kept with and do this again, or what they open stays unreadable.")  # fmt: skip
    count += keys
    print(f"{count} credentials are kept under the newest key; older ones can be taken out of ATRIUM_CREDENTIAL_KEYS.")


def _environment(path: str) -> Environment:
    from tenants.models import Environment

    parts = path.strip("/").split("/")
    if len(parts) != 3:
        raise CannotStart(f"{path!r} is no environment. Write it as TENANT/PROJECT/ENVIRONMENT.")
    tenant, project, kind = parts
    found = Environment.objects.filter(project__tenant__slug=tenant, project__slug=project, kind=kind)
    environment = found.select_related("project__tenant", "tenant").first()
    if environment is None:
        raise CannotStart(f"There is no environment {path!r}. `atrium shell` and /tenants/ show which there are.")
    return environment


def active_user(username: str) -> User:
    """The active account with this user name. Raises `CannotStart`."""
    from tenants.models import User

    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise CannotStart(f"There is no active account {username!r}.")
    return user


def actor(username: str | None) -> Any:
    """Who did it, for the audit: the named account, or whoever sits at this terminal."""
    from audit.record import Actor

    return active_user(username) if username else Actor(f"command line ({getpass.getuser()})")
