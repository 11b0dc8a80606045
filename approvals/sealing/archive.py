"""Hand out a decision as one file that holds all that it rests on; `approvals.sealing.checking` verifies it offline."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Q

from approvals.attachments.content import pieces
from approvals.models import Decision
from approvals.sealing import checking
from approvals.sealing.canonical import canonical
from approvals.sealing.container import Member, of_bytes, written
from approvals.sealing.keys import signing_key
from approvals.sealing.printing import printed
from approvals.sealing.seal import key_id, pem_of, public_text
from approvals.sealing.tables import DecisionKey, Seal
from audit.hashing import COLUMNS
from audit.models import Entry
from refusals.errors import Conflict

README = """This archive holds the decision on R-{number} with everything that was seen when it was made.

With Atrium installed, on any machine and without a database:

    atrium decision verify {name} --key KEYS.json

KEYS.json is {published} of the installation that decided,
or a public key in PEM that you have from elsewhere. Without --key the archive's own keys are taken: then it is proven
that nothing was changed since it was signed, and not by whom.

By hand, with sha256sum and openssl (3.0 or later):

    unzip {name} -d decision && cd decision
    sha256sum -c SHA256SUMS
    openssl pkeyutl -verify -pubin -inkey keys/{sums_key}.pem -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig
    openssl pkeyutl -verify -pubin -inkey keys/{seal_key}.pem -rawin -in seal.json -sigfile seal.sig
    sha256sum record.json        # is the "record_sha256" of seal.json

record.json     what was asked, decided and seen: canonical JSON (RFC 8785), the very bytes that were hashed
seal.json       its place in the chain of all decisions: "previous_hash" is the SHA-256 of the seal.json before it
seal.sig        Ed25519 (RFC 8032) over seal.json
keys/           the public keys
audit.json      what the audit says of the request until it was decided, each entry with its hash and the one before it
documents/      what was attached; record.json has the SHA-256 of each
decision.html   the same to read and to print; it needs nothing beside it
SHA256SUMS      the SHA-256 of every file, signed by SHA256SUMS.sig
"""
PUBLISHED = "/.well-known/atrium-decisions.json"


class NotSealed(Conflict):
    """It was made before there was a chain of seals, and the job that takes it in has not run yet."""

    code = "decision_not_sealed"
    title = "This decision is not sealed yet"


def archive_name(decision: Decision) -> str:
    """What its file is called."""
    return f"decision-R-{decision.record['request']['number']}.zip"


def archive_of(decision: Decision) -> Iterator[bytes]:
    """The archive in pieces: the same bytes each time, as long as the same key signs. Raises `NotSealed` at once."""
    seal = Seal.objects.filter(decision=decision.pk).first()
    if seal is None:
        raise NotSealed("It was made before decisions were sealed; that is made up for within the hour.")
    members = [*_of_the_seal(decision, seal), *_documents(decision)]
    return written(_signed(members))


def _of_the_seal(decision: Decision, seal: Seal) -> Iterator[Member]:
    signer = public_text(signing_key())
    key = DecisionKey.objects.get(pk=seal.key)
    yield of_bytes(checking.RECORD, canonical(decision.record))
    yield of_bytes(checking.SEAL, seal.statement.content)
    yield of_bytes(checking.SIGNATURE, base64.b64decode(seal.signature))
    yield of_bytes(checking.AUDIT, checking.as_written({"entries": _entries(decision)}))
    for public in sorted({key.public, signer}):
        yield of_bytes(f"{checking.KEYS}{key_id(public)}.pem", pem_of(public).encode())
    yield of_bytes(checking.PAGE, printed(decision.record, seal.statement).encode())
    readme = README.format(
        number=decision.record["request"]["number"], name=archive_name(decision), published=PUBLISHED,
        sums_key=key_id(signer), seal_key=seal.key,
    )  # fmt: skip
    yield of_bytes("README.txt", readme.encode())


def _documents(decision: Decision) -> Iterator[Member]:
    """Those that the record names and that are still there."""
    kept = {str(file.pk): file for file in decision.request.attachments.all()}
    for told in decision.record.get("attachments", ()):
        if (file := kept.get(told["id"])) is not None:
            yield Member(checking.document_path(told), lambda file=file: pieces(file))  # type: ignore[misc]


def _signed(members: Iterable[Member]) -> list[Member]:
    """With the list of their hashes and its signature."""
    members, sums = list(members), {}
    for member in members:
        seen = hashlib.sha256()
        for piece in member.content():
            seen.update(piece)
        sums[member.name] = seen.hexdigest()
    content = "".join(checking.lines_of(sums)).encode()
    signature = signing_key().sign(content)
    return [*members, of_bytes(checking.SUMS, content), of_bytes(checking.SUMS_SIGNATURE, signature)]


def _entries(decision: Decision) -> list[dict[str, Any]]:
    """What the audit says of the request up to the decision, in the columns that an entry's hash is over."""
    rows = Entry.objects.filter(subject_kind="request", subject_id=str(decision.request_id))
    last = rows.filter(facts__decision=str(decision.pk)).order_by("day", "sequence").first()
    if last is None:
        return []
    until = rows.filter(Q(day__lt=last.day) | Q(day=last.day, sequence__lte=last.sequence))
    return [
        {
            **{name: getattr(entry, name) for name in COLUMNS},
            "at": entry.at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
            "day": entry.day.isoformat(),
            "hash": entry.hash,
        }
        for entry in until.order_by("day", "sequence")
    ]
