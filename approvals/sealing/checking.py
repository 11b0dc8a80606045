"""Verify the archive of a decision offline: with no database, no settings and no network, only this package.

Everything is checked against something else: each byte of the container against how it is written, each file against
the signed list of hashes, the record against the signed seal, documents and evidence against the record, the audit's
entries against their own hashes. `approvals.sealing.archive` makes what is checked here.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from approvals.sealing.canonical import canonical, hash_of
from approvals.sealing.container import Stored, members_of, pieces_of
from approvals.sealing.seal import FORM, NotAKey, changed_parts, is_signed, key_id, pem_of

SUMS, SUMS_SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"
RECORD, SEAL, SIGNATURE, AUDIT = "record.json", "seal.json", "seal.sig", "audit.json"
PAGE = "decision.html"
KEYS, DOCUMENTS = "keys/", "documents/"
MUST = (RECORD, SEAL, SIGNATURE, AUDIT, SUMS, SUMS_SIGNATURE, PAGE, "README.txt")
LARGEST_IN_MEMORY = 64 << 20


@dataclass
class Checked:
    """What was checked and fits, what does not, and what could not be told; `signed`: whose signature was verified."""

    fits: list[str] = field(default_factory=list)
    findings: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)
    signed: set[str] = field(default_factory=set)

    @property
    def is_intact(self) -> bool:
        return not self.findings and self.signed == {SUMS, SEAL}

    @property
    def exit_code(self) -> int:
        return 0 if self.is_intact else 1

    def lines(self) -> list[str]:
        """As text: what fits, what does not, and the result at the end."""
        number = self.record.get("request", {}).get("number", "?") if isinstance(self.record, dict) else "?"
        told = [f"  fits   {line}" for line in self.fits]
        told += [f"  WRONG  {where}: {sentence}" for where, sentence in self.findings]
        told += [f"  note   {line}" for line in self.notes]
        end = f"The decision on R-{number} is {'as it was made' if self.is_intact else 'NOT as it was made'}."
        return [*told, end]


def check(path: Path, keys: Mapping[str, str] | None = None) -> Checked:
    """Check the archive at `path`. `keys` are public keys (PEM or base64) by their names, that were got from elsewhere
    (`read_keys`); without them the archive's own are taken, and that is noted."""
    checked = Checked()
    members, damaged = members_of(path)
    checked.findings += [(each.where, each.sentence) for each in damaged]
    files = {each.name: each for each in members}
    for name in MUST:
        if name not in files:
            checked.findings.append((name, "It is missing."))
    for name, stored in files.items():
        if (name in MUST or name.startswith(KEYS)) and stored.size > LARGEST_IN_MEMORY:
            sentence = f"It is larger than {LARGEST_IN_MEMORY >> 20} MB, which none of these is, so it was not checked."
            checked.findings.append((name, sentence))
    own = _own_keys(path, files, checked)
    if keys is None:
        checked.notes.append(
            "The public keys are those of the archive itself. Compare them with the published ones, or give those by"
            f" --key: {', '.join(own) or 'none'}."
        )
    trusted = own if keys is None else dict(keys)
    _check_sums(path, files, trusted, checked)
    _check_seal(path, files, trusted, checked)
    for name in sorted({SUMS, SEAL} - checked.signed - {where for where, _ in checked.findings}):
        checked.findings.append((name, "Its signature was not verified."))
    if checked.is_intact:
        checked.fits.insert(0, f"the archive: {len(members)} files, no byte beside them")
    return checked


def read_keys(path: Path) -> dict[str, str]:
    """Public keys from a file: PEM, base64, or the JSON that an installation publishes. Raises `NotAKey`."""
    text = path.read_text(errors="replace")
    if text.lstrip().startswith("{"):
        try:
            return {key_id(each["public"]): each["public"] for each in json.loads(text)["keys"]}
        except (ValueError, KeyError, TypeError) as error:
            raise NotAKey(f"{path} is not the list of keys that an installation publishes.") from error
    return {key_id(text): text}


def _bytes(path: Path, files: Mapping[str, Stored], name: str) -> bytes | None:
    stored = files.get(name)
    if stored is None or stored.size > LARGEST_IN_MEMORY:
        return None
    return b"".join(pieces_of(path, stored))


def _own_keys(path: Path, files: Mapping[str, Stored], checked: Checked) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in files:
        if not name.startswith(KEYS):
            continue
        text = (_bytes(path, files, name) or b"").decode("utf-8", "replace")
        try:
            called = key_id(text)
        except NotAKey as error:
            checked.findings.append((name, str(error)))
            continue
        if name != f"{KEYS}{called}.pem" or text != pem_of(text):
            checked.findings.append((name, f"It is not the key that its name says, but {called}."))
        found[called] = text
    return found


def _check_sums(path: Path, files: Mapping[str, Stored], keys: Mapping[str, str], checked: Checked) -> None:
    """Each file against the list of hashes, and the list against its signature."""
    content, signature = _bytes(path, files, SUMS), _bytes(path, files, SUMS_SIGNATURE)
    if content is None or signature is None:
        return
    encoded = base64.b64encode(signature).decode()
    signer = next((name for name, key in keys.items() if is_signed(key, content, encoded)), None)
    if signer is None:
        sentence = f"It is not as it was signed, or {SUMS_SIGNATURE} was changed, or another key signed it."
        checked.findings.append((SUMS, sentence))
    else:
        checked.signed.add(SUMS)
        checked.fits.append(f"{SUMS}: signed by the key {signer}")
    listed: dict[str, str] = {}
    for line in content.decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    for name in sorted({*listed, *files} - {SUMS, SUMS_SIGNATURE}):
        if name not in listed:
            checked.findings.append((name, "It is not in the list of hashes: somebody added it."))
        elif name not in files:
            checked.findings.append((name, "The list of hashes names it, and it is missing."))
        elif _sha256(path, files[name]) != listed[name]:
            checked.findings.append((name, "Its SHA-256 is not the one in the list: it was changed."))
        else:
            checked.fits.append(f"{name}: SHA-256 {listed[name]}")


def _check_seal(path: Path, files: Mapping[str, Stored], keys: Mapping[str, str], checked: Checked) -> None:
    """The seal against its signature, the record against the seal, and everything else against the record."""
    seal, signature = _bytes(path, files, SEAL), _bytes(path, files, SIGNATURE)
    content = _bytes(path, files, RECORD)
    record, statement = _json(content, RECORD, checked), _json(seal, SEAL, checked)
    if seal is not None and signature is not None and statement is not None:
        key = keys.get(str(statement.get("key")))
        if statement.get("form") != FORM:
            checked.findings.append((SEAL, f"It is not of the form “{FORM}”."))
        if key is None:
            checked.findings.append((SEAL, f"It names the key {statement.get('key')}, which is not among those given."))
        elif not is_signed(key, seal, base64.b64encode(signature).decode()):
            checked.findings.append((SEAL, f"It is not as the key {statement['key']} signed it, or {SIGNATURE} was"
                                     " changed."))  # fmt: skip
        else:
            checked.signed.add(SEAL)
            checked.fits.append(f"{SEAL}: place {statement.get('sequence')} in the chain, signed by {statement['key']}")
    if content is None or record is None:
        return
    checked.record = record
    if statement is not None:
        _check_record(content, record, statement, checked)
    _check_evidence(record, checked)
    _check_documents(path, files, record, checked)
    entries = _json(_bytes(path, files, AUDIT), AUDIT, checked, as_written)
    if entries is not None and statement is not None:
        _check_audit(entries, str(statement.get("record_sha256")), checked)


def as_written(value: dict[str, Any]) -> bytes:
    """The form in which the audit hashes its entries: sorted, without blanks. They may hold fractions."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="surrogatepass")


def _json(
    content: bytes | None, name: str, checked: Checked, form: Callable[[dict[str, Any]], bytes] = canonical
) -> dict[str, Any] | None:
    """The object in `content`, which must be in the form that `form` writes."""
    if content is None:
        return None
    try:
        value = json.loads(content)
        if isinstance(value, dict) and form(value) == content:
            return value
    except (ValueError, RecursionError):
        value = None
    checked.findings.append((name, "It is not in the form in which it was written: its bytes were changed."))
    return value if isinstance(value, dict) else None


def _check_record(content: bytes, record: dict[str, Any], statement: dict[str, Any], checked: Checked) -> None:
    computed = hashlib.sha256(content).hexdigest()
    parts = statement.get("parts")
    changed = changed_parts(record, parts) if isinstance(parts, dict) else []
    if computed != statement.get("record_sha256") or changed:
        named = f": {', '.join(changed)}" if changed else ""
        checked.findings.append((f"{RECORD}{named}", "It is not what was sealed."))
    else:
        checked.fits.append(f"{RECORD}: the record that was sealed, in all of its {len(record)} parts")


def _check_evidence(record: dict[str, Any], checked: Checked) -> None:
    items = record.get("evidence_items", [])
    for item in items:
        said = {name: value for name, value in item.items() if name != "sha256"}
        facts = [
            {name: value for name, value in fact.items() if name != "item"}
            for fact in record.get("evidence", [])
            if fact.get("item") == item.get("id")
        ]
        if hash_of({**said, "facts": facts}) != item.get("sha256"):
            checked.findings.append((f"{RECORD}, evidence “{item.get('name')}”", "Its hash does not fit what it says."))
    if items:
        checked.fits.append(f"evidence: {len(items)} pieces with their facts")


def _check_documents(path: Path, files: Mapping[str, Stored], record: dict[str, Any], checked: Checked) -> None:
    named = {document_path(each): each for each in record.get("attachments", [])}
    for name, told in named.items():
        if name not in files:
            checked.notes.append(f"{name} is not in the archive: it was erased. Its SHA-256 was {told.get('sha256')}.")
        elif _sha256(path, files[name]) != told.get("sha256"):
            checked.findings.append((name, "It is not the document that was sealed: its SHA-256 differs."))
    for name in files:
        if name.startswith(DOCUMENTS) and name not in named:
            checked.findings.append((name, "The record does not name this document."))


def _check_audit(told: dict[str, Any], record_sha256: str, checked: Checked) -> None:
    """Each entry against its own hash, and that the audit was told the hash of the record."""
    entries = told.get("entries", [])
    for entry in entries:
        values = {name: value for name, value in entry.items() if name != "hash"}
        if hashlib.sha256(as_written(values)).hexdigest() != entry.get("hash"):
            place = f"{AUDIT}, entry {entry.get('sequence')} of {entry.get('day')}"
            checked.findings.append((place, "Its hash does not fit what it says."))
    if not any(entry.get("facts", {}).get("hash") == record_sha256 for entry in entries):
        checked.findings.append((AUDIT, "No entry of the audit was told the hash of this record."))
    elif entries:
        checked.fits.append(f"{AUDIT}: {len(entries)} entries, each with its link in the audit's chain")


def document_path(told: Mapping[str, Any]) -> str:
    """Where a document of a record is in the archive; its name is harmless already."""
    return f"{DOCUMENTS}{told.get('id')}/{told.get('name')}"


def _sha256(path: Path, stored: Stored) -> str:
    seen = hashlib.sha256()
    for piece in pieces_of(path, stored):
        seen.update(piece)
    return seen.hexdigest()


def lines_of(sums: Mapping[str, str]) -> Iterator[str]:
    """The list of hashes as `sha256sum -c` reads it."""
    return (f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
