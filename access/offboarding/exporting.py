"""Pack everything that is a tenant's own into one archive: a ZIP of JSON lines, a file for each kind of row.

What opens something is left out: hashes of secrets, and whatever is encrypted. So is the content of calls that is kept:
who may manage a tenant may not read that for it. It is taken apart (`usage.bodies.packing`), and never lies in clear.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from typing import IO, Any, cast

from django.db.models import BinaryField, Model
from django.utils import timezone

from access.offboarding.tables import ExportPiece, Offboarding
from audit.models import Entry
from tenants.models import Tenant, User
from tenants.owned import owned_models, path_to_tenant

PIECE_BYTES = 1024 * 1024
ROWS_AT_ONCE = 1000
NEVER = ("hash", "secret", "folded")  # parts of names of columns that nobody needs and that could open something


def pack(offboarding: Offboarding) -> dict[str, int]:
    """Write the archive of the tenant in pieces, in place of one that was begun; how many rows of each kind.

    Call inside a transaction. Sets `export_sha256` and `export_bytes`, which the caller saves.
    """
    tenant, counts = offboarding.tenant, dict[str, int]()
    offboarding.pieces.all().delete()
    out = _Pieces(offboarding)
    with zipfile.ZipFile(cast("IO[bytes]", out), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in _files(tenant):
            # Nobody knows yet how large it becomes, and from 2 GiB on its head must be another one.
            with archive.open(f"{name}.jsonl", "w", force_zip64=True) as member:
                counts[name] = 0
                for row in rows:
                    member.write(json.dumps(row, default=str, ensure_ascii=False).encode() + b"\n")
                    counts[name] += 1
        about = {"tenant": tenant.slug, "name": tenant.name, "packed_at": timezone.now().isoformat(), "rows": counts}
        archive.writestr("MANIFEST.json", json.dumps(about, indent=2, ensure_ascii=False))
    out.keep(len(out.begun))
    offboarding.export_sha256, offboarding.export_bytes = out.digest.hexdigest(), out.size
    return counts


class _Pieces:
    """A file to be written from its beginning to its end, kept piece by piece. There is none on a disk: what a worker
    that was killed had written goes with its transaction."""

    def __init__(self, offboarding: Offboarding) -> None:
        self.offboarding, self.begun = offboarding, bytearray()
        self.digest, self.size, self.number = hashlib.sha256(), 0, 0

    def write(self, content: bytes, /) -> int:
        self.begun += content
        while len(self.begun) >= PIECE_BYTES:
            self.keep(PIECE_BYTES)
        return len(content)

    def keep(self, size: int) -> None:
        """Keep the first `size` bytes of what was begun as a piece."""
        piece = bytes(self.begun[:size])
        del self.begun[:size]
        ExportPiece.objects.create(offboarding=self.offboarding, number=self.number, content=piece)
        self.digest.update(piece)
        self.size, self.number = self.size + size, self.number + 1

    def flush(self) -> None:
        """What is begun waits until it is a whole piece."""


def pieces(offboarding: Offboarding) -> Iterator[bytes]:
    """The archive, piece by piece, each by a query of its own."""
    number = 0
    while (found := ExportPiece.objects.filter(offboarding=offboarding, number=number).first()) is not None:
        yield bytes(found.content)
        number += 1


def _files(tenant: Tenant) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    yield "tenant", iter(_values(Tenant, {"pk": tenant.pk}))
    for model in owned_models():
        if model not in (Tenant, ExportPiece, Offboarding):
            path = path_to_tenant(model) or "tenant"
            yield model._meta.label_lower, _values(model, {path: tenant.pk})
    people = User.objects.filter(memberships__tenant=tenant).order_by("pk")
    yield (
        "people",
        ({"id": str(each.pk), "username": each.username, "name": str(each), "email": each.email} for each in people),
    )
    yield "audit", _values(Entry, {"tenant": tenant.slug})


def _values(model: type[Model], which: dict[str, Any]) -> Iterator[dict[str, Any]]:
    names = [
        field.attname
        for field in model._meta.concrete_fields
        if not isinstance(field, BinaryField) and not any(part in field.attname for part in NEVER)
    ]
    return model._base_manager.filter(**which).order_by("pk").values(*names).iterator(chunk_size=ROWS_AT_ONCE)
