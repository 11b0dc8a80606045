"""Read what was asked and answered in a call: who may, what there is, and the record of each reading."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.record import record
from refusals.errors import Missing
from tenants import scoping
from tenants.models import User
from usage.bodies.effective import Effective, at
from usage.bodies.responses import response_name
from usage.bodies.sealing import Part, unseal, unwrapped
from usage.bodies.tables import Body
from usage.limits.places import of_environment
from usage.models import Call

READ = "tenants.read_content"


@dataclass(frozen=True)
class Standing:
    """What there is of a call's content, before anybody reads it."""

    call: Call
    may_read: bool
    may_erase: bool
    body: Body | None

    @cached_property
    def effective(self) -> Effective:
        """What is kept of calls like this one now."""
        return at(of_environment(self.call.environment))

    @property
    def parts(self) -> str:
        """What there is, in words."""
        if self.body is None:
            return ""
        kept = [word for word, size in (("what was asked", self.body.prompt_bytes),
                                        ("what was answered", self.body.answer_bytes)) if size]  # fmt: skip
        return " and ".join(kept)


@dataclass(frozen=True)
class Opened:
    """The content of a call in clear. None: not kept. `response` is the name by which programs reach it as a stored
    response; empty where they do not."""

    body: Body
    prompt: bytes | None
    answer: bytes | None
    response: str = ""


def standing(viewer: User, call: Call) -> Standing:
    """Whether there is content of `call` (which `viewer` may see), and what they may do with it."""
    held = scoping.held(viewer, call.environment)
    # What is sealed stays where it is until somebody who may opens it.
    body = _kept().filter(pk=call.pk, tenant=call.tenant_id).defer("prompt", "answer").first()
    return Standing(call, READ in held, "tenants.manage_tenant" in held, body)


@transaction.atomic
def read(*, call: Call, by: User) -> Opened:
    """Open the content of `call` for `by`, who sees the call; it is written down that they did.

    Raises `Forbidden` for who may not, `Missing` where there is none, `Unreadable`.
    """
    scoping.require(by, READ, call.environment)
    body = _kept().select_related("key").filter(pk=call.pk, tenant=call.tenant_id).first()
    if body is None:
        raise Missing("Nothing of what was asked and answered in this call is kept.")
    opened = opened_of(body)
    record(
        "body.read", by=by, subject_kind="call", subject_id=str(call.pk), subject_label=f"call {call.pk}",
        tenant=call.tenant.slug, parts=[part for part in ("prompt", "answer") if getattr(opened, part) is not None],
    )  # fmt: skip
    return opened


def opened_of(body: Body) -> Opened:
    """The content in clear. Raises `Unreadable`."""
    secret = unwrapped(bytes(body.key.wrapped))

    def part(name: Part) -> bytes | None:
        sealed = getattr(body, name)
        return None if sealed is None else unseal(secret, body.tenant_id, body.pk, name, bytes(sealed))

    is_whole = body.prompt is not None and body.answer is not None
    is_reached = body.is_response and not body.is_deleted and is_whole
    name = response_name(secret, body.environment_id, body.pk) if is_reached else ""
    return Opened(body, part("prompt"), part("answer"), name)


def _kept() -> QuerySet[Body]:
    """Content whose time is not over."""
    return Body.objects.filter(erase_at__gt=timezone.now())
