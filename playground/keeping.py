"""What happens to a session once it exists: its name, its pin, whether the tenant may read it, and its end.

Nothing of it changes while its project is archived, but to be shared no more, and to end.

Each decision writes one audit entry. That a session begins, goes on or gets other columns decides nothing: the calls
themselves are in the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from audit.record import record
from playground.columns import Column, clean
from playground.models import Answer, Session
from playground.recovery import interrupt_the_silent
from refusals.errors import Conflict, Invalid
from tenants.archiving import refuse_archived
from tenants.models import Environment, User

MAX_NAME_LENGTH = 120
AUTOMATIC_NAME_LENGTH = 60
MARKS = " #>*-`\t"  # of markdown, at the beginning of a line


class NameNotAcceptable(Invalid):
    code = "name_not_acceptable"


class WrongEnvironment(Invalid):
    code = "wrong_environment"


class StillAnswering(Conflict):
    code = "still_answering"
    title = "Still answering"


def name_from(prompt: str) -> str:
    """A name for a session that begins with `prompt`: its first line, cut at a word."""
    line = next((line.lstrip(MARKS) for line in prompt.splitlines() if line.strip(MARKS)), "")
    line = " ".join(line.split())
    if len(line) <= AUTOMATIC_NAME_LENGTH:
        return line or "New session"
    head = line[:AUTOMATIC_NAME_LENGTH]
    return (head.rpartition(" ")[0] if " " in head[20:] else head).rstrip(" ,;:") + "…"


def arrange(*, session: Session, environment: Environment, columns: Sequence[Column]) -> None:
    """Keep how the columns are set up, so that they are found again as they were left. Raises `WrongEnvironment`."""
    refuse_other_tenant(session, environment)
    refuse_archived(environment.tenant, environment.project)
    session.environment = environment
    session.columns = [column.kept() for column in columns]
    session.save(update_fields=["environment", "columns"])


def refuse_other_tenant(session: Session, environment: Environment) -> None:
    """Raise `WrongEnvironment` where the environment is of another tenant than the session, whose members may read
    it."""
    if environment.tenant_id != session.tenant_id:
        raise WrongEnvironment(
            f"This session belongs to {session.tenant.name}. Begin a new one for {environment.tenant.name}.",
            field="environment",
        )


@transaction.atomic
def rename(*, session: Session, name: str, by: User) -> Session:
    """Give the session another name. Raises `NameNotAcceptable`."""
    name = " ".join(clean(name).split())
    if not name:
        raise NameNotAcceptable("Enter a name.", field="name")
    if len(name) > MAX_NAME_LENGTH:
        raise NameNotAcceptable(f"A name has at most {MAX_NAME_LENGTH} characters.", field="name")
    session = _changing(session)
    if session.name != name:
        before, session.name = session.name, name
        session.save(update_fields=["name"])
        record("session.renamed", by=by, subject=session, tenant=session.tenant.slug, before=before)
    return session


@transaction.atomic
def pin(*, session: Session, is_pinned: bool, by: User) -> Session:
    """Keep the session at the head of its owner's list, or no longer."""
    session = _changing(session)
    if session.is_pinned != is_pinned:
        session.is_pinned = is_pinned
        session.save(update_fields=["is_pinned"])
        verb = "session.pinned" if is_pinned else "session.unpinned"
        record(verb, by=by, subject=session, tenant=session.tenant.slug)
    return session


@transaction.atomic
def share(*, session: Session, is_shared: bool, by: User) -> Session:
    """Let the members of the tenant read the session, or no longer."""
    session = _changing(session) if is_shared else _locked(session)
    if session.is_shared != is_shared:
        session.is_shared = is_shared
        session.save(update_fields=["is_shared"])
        verb = "session.shared" if is_shared else "session.unshared"
        record(verb, by=by, subject=session, tenant=session.tenant.slug)
    return session


@transaction.atomic
def reveal(*, session: Session, by: User) -> Session:
    """Show the names of a blind session without a vote."""
    session = _changing(session)
    if session.is_hidden:
        session.revealed_at = timezone.now()
        session.save(update_fields=["revealed_at"])
        record("session.revealed", by=by, subject=session, tenant=session.tenant.slug)
    return session


@transaction.atomic
def delete(*, session: Session, by: User) -> None:
    """Remove the session with its prompts, answers and votes; its calls stay in the ledger. Raises `StillAnswering`."""
    session = _locked(session)
    answers = Answer.objects.filter(turn__session=session)
    interrupt_the_silent(answers)
    if answers.filter(state=Answer.State.RUNNING).exists():
        raise StillAnswering("An answer is still being written in this session. Stop it first.")
    turns = session.turns.count()
    record("session.deleted", by=by, subject=session, tenant=session.tenant.slug, turns=turns)
    session.delete()


def _changing(session: Session) -> Session:
    locked = _locked(session)
    refuse_archived(locked.tenant, locked.environment.project)
    return locked


def _locked(session: Session) -> Session:
    rows = Session.objects.select_for_update(of=("self",)).select_related("tenant", "environment__project")
    return rows.get(pk=session.pk)
