"""Decisions are sealed into one signed chain, verify offline, and any changed byte is found and named."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from pytest_django import Settings

from access.asking import request_access
from approvals.commenting import comment
from approvals.evidence.giving import give
from approvals.models import Decision, DecisionKey, Request, Seal
from approvals.sealing.archive import archive_of
from approvals.sealing.canonical import LARGEST, canonical, sealable
from approvals.sealing.chain import seal_unsealed
from approvals.sealing.checking import LARGEST_IN_MEMORY, check, read_keys
from approvals.sealing.container import Member, of_bytes, written
from approvals.sealing.keys import known_keys, renew_codes
from approvals.sealing.seal import key_id, parts_of, private_key, public_text, sign
from approvals.sealing.verifying import verify, verify_all
from approvals.tasks import seal_decisions
from approvals.voting import vote
from audit.models import Entry
from audit.record import SYSTEM, record
from portal.command import main
from tests.cast import Cast, route
from ui.exporting import in_batches

pytestmark = pytest.mark.django_db
# Of RFC 8785, appendix B and section 3.2.3, but the numbers with a fraction, which records do not hold.
VECTORS = [
    ({"b": 1, "a": [True, None, "x"]}, '{"a":[true,null,"x"],"b":1}'),
    ({"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew", "1": "One", "\U0001f600": "Emoji",
      "\u0080": "Control", "\u00f6": "Latin"},
     '{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"Latin","\u20ac":"Euro Sign",'
     '"\U0001f600":"Emoji","\ufb33":"Hebrew"}'),
    ("\u20ac$\u000f\nA'B\"\\\\\"/", '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
    (-0, "0"), (LARGEST, "9007199254740991"),
]  # fmt: skip


def ask(cast: Cast, kind: str = "production", slug: str = "echo-model") -> Request:
    from catalog.models import Route

    wanted = Route.objects.filter(slug=slug).first() or route(slug)
    return request_access(environment=cast.environment(kind), route=wanted, purpose="Answer", by=cast.dev)


def decided(cast: Cast, kind: str = "production", verdict: str = "approve", slug: str = "echo-model") -> Decision:
    request = ask(cast, kind, slug)
    comment(request=request, text="Which data?", by=cast.rob)
    give(request=request, name="Assessment", text="Low risk", by=cast.dev)
    vote(review=request.reviews.get(), verdict=verdict, comment="Fits.", by=cast.rita)
    return Decision.objects.get(request=request)


@pytest.fixture
def decision(cast: Cast) -> Decision:
    return decided(cast)


@pytest.fixture
def file(decision: Decision, tmp_path: Path) -> Path:
    return kept(decision, tmp_path)


def kept(decision: Decision, folder: Path) -> Path:
    path = folder / "decision.zip"
    path.write_bytes(b"".join(archive_of(decision)))
    return path


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def places(path: Path) -> list[str]:
    return [where for where, _ in check(path).findings]


@pytest.mark.parametrize(("value", "text"), VECTORS)
def test_the_canonical_form_is_that_of_its_specification(value: Any, text: str) -> None:
    assert canonical(value).decode() == text


def test_a_fraction_has_no_place_in_a_record_and_large_numbers_become_text() -> None:
    with pytest.raises(ValueError, match="float has no place"):
        canonical({"a": 1.5})
    assert sealable({"a": LARGEST + 1, "b": 1.5, "c": True}) == {"a": str(LARGEST + 1), "b": "1.5", "c": True}


def test_it_works(cast: Cast, decision: Decision, file: Path) -> None:
    seal = Seal.objects.get(decision=decision.pk)
    assert (seal.sequence, seal.previous_hash, seal.record_sha256) == (1, "", decision.hash)
    kept = decision.record
    assert [one["text"] for one in kept["conversation"]] == ["Which data?"]
    assert kept["fingerprint"]["fields"]["model"] == "echo-model"
    assert {"Assessment", "The model"} <= {item["name"] for item in kept["evidence_items"]}
    assert verify(decision).is_intact and verify_all().is_intact
    checked = check(file)
    assert checked.is_intact, checked.findings
    names = zipfile.ZipFile(file).namelist()
    assert names == sorted(names) and zipfile.ZipFile(file).testzip() is None
    assert {"record.json", "seal.json", "seal.sig", "audit.json", "README.txt", "decision.html"} <= set(names)
    assert hashlib.sha256(zipfile.ZipFile(file).read("record.json")).hexdigest() == decision.hash


def test_the_next_seal_follows_on_the_last_and_refusals_are_sealed_too(cast: Cast, decision: Decision) -> None:
    second = decided(cast, "test", "refuse")
    first, last = Seal.objects.order_by("sequence")
    assert (last.decision, last.sequence, last.previous_hash) == (second.pk, 2, first.hash)
    assert verify_all().is_intact


def test_the_same_decision_gives_the_same_bytes(decision: Decision) -> None:
    assert b"".join(archive_of(decision)) == b"".join(archive_of(decision))


def test_every_file_of_the_archive_is_under_guard(file: Path, tmp_path: Path) -> None:
    """One byte of each file, changed within a zip that is otherwise right: it is named, whatever else is."""
    whole = zipfile.ZipFile(file)
    contents = {name: whole.read(name) for name in whole.namelist()}
    for name, content in contents.items():
        for at in (0, len(content) // 2, len(content) - 1):
            changed = bytearray(content)
            changed[at] ^= 1
            other = tmp_path / "changed.zip"
            members = [of_bytes(each, bytes(changed) if each == name else inner) for each, inner in contents.items()]
            other.write_bytes(b"".join(written(members)))
            found = places(other)
            expected = "SHA256SUMS" if name == "SHA256SUMS.sig" else name
            assert any(expected in where for where in found), (name, at, found)
    assert check(file).is_intact


def test_every_byte_of_the_archive_is_under_guard(file: Path, tmp_path: Path) -> None:
    content, other = file.read_bytes(), tmp_path / "changed.zip"
    headers = [at for at in range(len(content) - 4) if content[at : at + 2] == b"PK"]
    tried = {at + step for at in headers for step in range(46) if at + step < len(content)}
    tried |= set(range(0, len(content), 499)) | set(range(len(content) - 22, len(content)))
    for at in sorted(tried):
        changed = bytearray(content)
        changed[at] ^= 0x20
        other.write_bytes(changed)
        assert places(other), f"byte {at} of {len(content)}"
    for shorter in (0, 1, 100, len(content) - 1):
        other.write_bytes(content[:shorter])
        assert places(other), f"cut to {shorter}"
    other.write_bytes(content + b"x")
    assert places(other)


def test_who_signs_a_changed_record_with_a_key_of_their_own_is_found_by_the_published_key(
    decision: Decision, file: Path, tmp_path: Path
) -> None:
    """Everything is made anew and fits together; only the key is another."""
    forged = tmp_path / "forged.zip"
    forged.write_bytes(b"".join(written(_forged(file))))
    assert check(forged).is_intact and check(forged).notes, "only by its own key, and that is said"
    published = tmp_path / "keys.json"
    published.write_bytes(Client().get("/.well-known/atrium-decisions.json").content)
    keys = read_keys(published)
    assert check(file, keys).is_intact
    assert {"seal.json", "SHA256SUMS"} <= {where for where, _ in check(forged, keys).findings}


@pytest.mark.parametrize("by_key", [False, True], ids=["the archive's own key", "the published key"])
def test_a_signature_too_large_to_be_read_is_not_passed_over(file: Path, tmp_path: Path, by_key: bool) -> None:
    """Everything is made anew and fits together, and both signatures are blanks, many of them."""
    genuine = zipfile.ZipFile(file)
    (name,) = [name for name in genuine.namelist() if name.startswith("keys/")]
    key, large = genuine.read(name), b" " * (LARGEST_IN_MEMORY + 1)
    whole = {each.name: b"".join(each.content()) for each in _forged(file) if not each.name.startswith("keys/")}
    seal = json.loads(whole["seal.json"]) | {"key": key_id(key.decode())}
    whole |= {name: key, "seal.json": canonical(seal), "seal.sig": large}
    whole["SHA256SUMS"] = "".join(
        f"{hashlib.sha256(inner).hexdigest()}  {each}\n"
        for each, inner in sorted(whole.items())
        if not each.startswith("SHA256SUMS")
    ).encode()
    whole["SHA256SUMS.sig"] = large
    forged = tmp_path / "forged.zip"
    with forged.open("wb") as to:
        to.writelines(written(of_bytes(each, inner) for each, inner in whole.items()))
    checked = check(forged, {key_id(key.decode()): key.decode()} if by_key else None)
    assert not checked.is_intact and checked.exit_code == 1
    assert {where for where, _ in checked.findings} == {"seal.json", "seal.sig", "SHA256SUMS", "SHA256SUMS.sig"}


def _forged(file: Path) -> list[Member]:
    whole = zipfile.ZipFile(file)
    record, seal = json.loads(whole.read("record.json")), json.loads(whole.read("seal.json"))
    audit = json.loads(whole.read("audit.json"))
    key = private_key("A" * 43 + "=")
    public = public_text(key)
    record["outcome"] = "refused"
    content = canonical(record)
    seal |= {"record_sha256": hashlib.sha256(content).hexdigest(), "parts": parts_of(record), "key": key_id(public)}
    last = audit["entries"][-1]
    last["facts"]["hash"] = seal["record_sha256"]
    plain = {name: value for name, value in last.items() if name != "hash"}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    last["hash"] = hashlib.sha256(text.encode()).hexdigest()
    from approvals.sealing.seal import pem_of

    files = {
        "record.json": content, "seal.json": canonical(seal), "seal.sig": key.sign(canonical(seal)),
        "audit.json": json.dumps(audit, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(),
        f"keys/{key_id(public)}.pem": pem_of(public).encode(),
        "decision.html": b"<p>Refused</p>", "README.txt": whole.read("README.txt"),
    }  # fmt: skip
    sums = "".join(f"{hashlib.sha256(inner).hexdigest()}  {name}\n" for name, inner in sorted(files.items())).encode()
    files |= {"SHA256SUMS": sums, "SHA256SUMS.sig": key.sign(sums)}
    return [of_bytes(name, inner) for name, inner in files.items()]


def test_the_command_verifies_offline_with_no_settings(file: Path, tmp_path: Path) -> None:
    """In a process of its own, with settings that do not exist: only the package is needed."""
    bare = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "no.such.settings",
        "DATABASE_URL": "postgres://nobody@nowhere/none",
    }
    call = [sys.executable, "-m", "portal.command", "decision", "verify"]
    ran = subprocess.run([*call, str(file)], env=bare, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "The decision on R-1 is as it was made." in ran.stdout
    content, other = bytearray(file.read_bytes()), tmp_path / "changed.zip"
    content[content.rindex(b"Low risk") + 5] ^= 1
    other.write_bytes(content)
    ran = subprocess.run([*call, "--json", str(other)], env=bare, capture_output=True, text=True)
    told = json.loads(ran.stdout)
    assert ran.returncode == 1 and not told["intact"]
    assert any("record.json" in each["where"] for each in told["findings"])
    assert main(["decision", "verify", str(tmp_path / "none.zip")]) == 1


def test_sha256sum_and_openssl_come_to_the_same(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "by-hand"
    zipfile.ZipFile(file).extractall(folder)
    seal = json.loads((folder / "seal.json").read_text())
    sums = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True)
    assert sums.returncode == 0, sums.stdout
    for signed, signature in (("seal.json", "seal.sig"), ("SHA256SUMS", "SHA256SUMS.sig")):
        call = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", f"keys/{seal['key']}.pem", "-rawin", "-in", signed]
        ran = subprocess.run([*call, "-sigfile", signature], cwd=folder, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr


CHANGED = [
    ("decision", "outcome", "'refused'", "decision, outcome"),
    ("decision", "hash", "repeat('0', 64)", "record or hash"),
    ("decision", "decided_at", "decided_at + interval '1 second'", "decision, decided_at"),
    ("decision", "valid_until", "decided_at + interval '9 years'", "decision, valid_until"),
    ("decision", "is_demonstration", "true", "decision, is_demonstration"),
    ("decision", "record", "jsonb_set(record, '{reviews,0,votes,0,comment}', '\"Other\"')", "record, reviews"),
    ("decision", "record", "jsonb_set(record, '{request,reason}', '\"Other\"')", "record, request"),
    ("decision", "record", "record - 'conversation'", "record, conversation"),
    ("request", "title", "'Other'", "request, title"),
    ("request", "reason", "'Other'", "request, reason"),
    ("request", "facts", "'{}'", "request, facts"),
    ("request", "number", "number + 100", "request, number"),
    ("request", "subject_kind", "'limits'", "request, subject_kind"),
    ("request", "subject_key", "'other'", "request, subject_key"),
    ("request", "state", "'refused'", "request, state"),
    ("request", "requester_id", "(SELECT id FROM tenants_user WHERE username = 'vera')", "request, requester"),
    ("request", "created_at", "created_at - interval '1 day'", "request, created_at"),
    ("request", "sent_at", "sent_at - interval '1 day'", "request, sent_at"),
    ("request", "round", "round + 1", "request, round"),
    ("request", "because", "'Other'", "request, because"),
    ("request", "decided_under", "'{}'", "request, decided_under"),
    ("review", "quorum", "5", "stage 1, quorum"),
    ("review", "round", "round + 1", "stage 1"),
    ("review", "group", "7", "stage 1, group"),
    ("review", "veto", "'[\"rita\"]'", "stage 1, veto"),
    ("review", "checklist", "'[\"Other\"]'", "stage 1, checklist"),
    ("review", "opened_at", "opened_at - interval '1 day'", "stage 1, opened_at"),
    ("review", "closed_at", "closed_at - interval '1 day'", "stage 1, closed_at"),
    ("vote", "checked", "'[\"Other\"]'", "vote of rita in stage 1, checked"),
    ("vote", "is_conditional", "NOT is_conditional", "vote of rita in stage 1, is_conditional"),
    ("review", "outcome", "'refused'", "stage 1, outcome"),
    ("review", "position", "7", "stage 1"),
    ("vote", "verdict", "'refuse'", "vote of rita in stage 1, verdict"),
    ("vote", "comment", "'Other'", "vote of rita in stage 1, comment"),
    ("vote", "at", "at - interval '1 day'", "vote of rita in stage 1, at"),
    ("vote", "voter_id", "(SELECT id FROM tenants_user WHERE username = 'vera')", "vote of rita in stage 1"),
    ("comment", "text", "'Other'", "comment of rob, text"),
    ("comment", "at", "at - interval '1 day'", "comment of rob"),
    ("comment", "author_id", "(SELECT id FROM tenants_user WHERE username = 'vera')", "comment of rob"),
    ("evidenceitem", "text", "'Other'", "text"),
    ("evidenceitem", "name", "'Other'", "name"),
    ("evidenceitem", "source", "'Other'", "source"),
    ("evidenceitem", "facts", "'[]'", "facts"),
    ("evidenceitem", "link", "'https://other.test'", "link"),
    ("evidenceitem", "trouble", "'Other'", "trouble"),
    ("evidenceitem", "sha256", "repeat('0', 64)", "sha256"),
    ("evidenceitem", "collected_at", "collected_at - interval '1 day'", "collected_at"),
    ("evidenceitem", "collected_by_id", "(SELECT id FROM tenants_user WHERE username = 'vera')", "collected_by"),
    ("evidenceitem", "expires_at", "now() + interval '9 years'", "expires_at"),
    ("policy", "sentence", "'Other'", "policy, sentence"),
    ("policy", "version", "version + 1", "policy, version"),
    ("policy", "slug", "'other'", "policy, slug"),
    ("policy", "priority", "priority + 1", "policy, priority"),
    ("policy", "when", '\'{"regions": ["eu"]}\'', "policy, when"),
    ("seal", "record_sha256", "repeat('0', 64)", "seal"),
    ("seal", "parts", "'{}'", "seal"),
    ("seal", "is_demonstration", "true", "seal"),
    ("seal", "sealed_at", "sealed_at - interval '1 day'", "seal"),
    ("seal", "hash", "repeat('0', 64)", "seal, hash"),
    ("seal", "previous_hash", "repeat('0', 64)", "chain"),
    ("seal", "signature", "'A' || substr(signature, 2)", "signature"),
    ("seal", "key", "'0000000000000000'", "seal, key"),
    ("seal", "decision", "gen_random_uuid()", "seal"),
    ("seal", "sequence", "sequence + 1", "chain"),
    ("decisionkey", "public", "'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='", "public key"),
    ("decisionkey", "mac", "repeat('0', 64)", "public key"),
    ("decisionkey", "id", "'0000000000000000'", "public key"),
]


@pytest.mark.parametrize(("table", "column", "value", "where"), CHANGED, ids=lambda each: str(each)[:40])
def test_every_column_in_the_database_is_under_guard(
    decision: Decision, table: str, column: str, value: str, where: str
) -> None:
    with without_triggers() as execute:
        execute(f'UPDATE approvals_{table} SET "{column}" = {value}')
    report = verify_all()
    assert any(where in each.where for each in report.findings), [vars(each) for each in report.findings]


class without_triggers:
    """As somebody who owns the database works: no trigger is asked."""

    def __enter__(self) -> Any:
        self.cursor = connection.cursor()
        self.cursor.execute("SET LOCAL session_replication_role = replica")
        return self.cursor.execute

    def __exit__(self, *told: object) -> None:
        self.cursor.execute("SET LOCAL session_replication_role = origin")
        self.cursor.close()


@pytest.mark.parametrize("tables", [["vote"], ["comment"], ["vote", "review"], ["evidenceitem"], ["seal"]])
def test_a_row_that_was_removed_is_missed(decision: Decision, tables: list[str]) -> None:
    with without_triggers() as execute:
        for table in tables:
            execute(f"DELETE FROM approvals_{table}")
    assert not verify_all().is_intact


def test_a_removed_decision_is_missed_with_or_without_its_seal(cast: Cast, decision: Decision) -> None:
    second = decided(cast, "test", "refuse")
    with transaction.atomic(), without_triggers() as execute:
        execute("DELETE FROM approvals_decision WHERE id = %s", [second.pk])
    assert any(f"The decision {second.pk} that it sealed is gone" in each.sentence for each in verify_all().findings)
    with without_triggers() as execute:
        execute("DELETE FROM approvals_seal WHERE decision = %s", [second.pk])
    found = verify_all().findings
    assert [each.about for each in found] == ["R-2"] and "The audit tells of the decision" in found[0].sentence


def test_what_is_decided_while_all_are_verified_breaks_nothing(
    cast: Cast, decision: Decision, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One between the reading of seals and of decisions, with a key that is new then, and one after both."""

    def while_it_reads(*given: Any, **named: Any) -> Iterator[Decision]:
        settings.DECISION_KEYS = ["A" * 43 + "="]
        decided(cast, "test", "refuse")
        yield from in_batches(*given, **named)
        decided(cast, "development", slug="other-model")

    monkeypatch.setattr("approvals.sealing.verifying.in_batches", while_it_reads)
    report = verify_all()
    assert report.findings == [] and report.decisions == 2
    assert Decision.objects.count() == 3


@pytest.fixture
def of_a_demonstration(cast: Cast) -> Decision:
    """In a tenant that goes with it, and decided before there was a chain."""
    made = decided(cast, "test", "refuse")
    with without_triggers() as execute:
        execute("DELETE FROM approvals_seal")
    return made


@pytest.mark.parametrize("untenanted", [False, True], ids=["of its tenant", "of its person"])
def test_what_went_with_a_demonstration_before_there_was_a_chain_is_not_missed(
    cast: Cast, of_a_demonstration: Decision, untenanted: bool
) -> None:
    number = of_a_demonstration.request.number
    if untenanted:
        with without_triggers() as execute:
            execute("UPDATE audit_entry SET tenant = '' WHERE verb = 'request.refused'")
            execute("UPDATE audit_entry SET actor_id = %s WHERE verb = 'request.submitted'", [uuid4().hex])
    with without_triggers() as execute:
        execute("DELETE FROM approvals_decision")
    assert [each.about for each in verify_all().findings] == [f"R-{number}"], "nothing was removed with a demonstration"
    record("demonstration.removed", by=SYSTEM, tenant_ids=[str(cast.acme.pk)])
    assert verify_all().is_intact
    later = decided(cast, "development", "refuse")
    assert verify_all().is_intact
    with without_triggers() as execute:
        execute("DELETE FROM approvals_decision WHERE id = %s", [later.pk])
        execute("DELETE FROM approvals_seal WHERE decision = %s", [later.pk])
    assert [each.about for each in verify_all().findings] == ["R-2"], "it is later than the removal"


def test_a_seal_in_the_middle_that_was_removed_is_named(cast: Cast, decision: Decision) -> None:
    decided(cast, "test", "refuse")
    with without_triggers() as execute:
        execute("DELETE FROM approvals_seal WHERE sequence = 1")
    assert any(each.about == "seal 1" and each.where == "chain" for each in verify_all().findings)


def test_a_chain_that_somebody_else_signed_anew_is_foreign(decision: Decision) -> None:
    """Who owns the database makes a key of their own, and everything fits together but whose key it is."""
    key = private_key("A" * 43 + "=")
    seal = Seal.objects.get()
    public = public_text(key)
    statement = seal.statement.__class__(**{**vars(seal.statement), "key": key_id(public)})
    with without_triggers() as execute:
        execute("INSERT INTO approvals_decisionkey VALUES (%s, %s, now(), %s)", [key_id(public), public, "0" * 64])
        execute(
            "UPDATE approvals_seal SET key = %s, hash = %s, signature = %s",
            [statement.key, statement.hash, sign(key, statement.content)],
        )
    found = verify_all().findings
    assert [each.about for each in found] == [f"key {key_id(public)}"] and "foreign" in found[0].sentence


def test_the_database_refuses_to_change_a_seal_or_to_break_the_chain(decision: Decision) -> None:
    from django.db import Error

    for change in (
        lambda: Seal.objects.update(signature="x"),
        lambda: Seal.objects.all().delete(),
        lambda: DecisionKey.objects.update(public="x"),
        lambda: Seal.objects.create(
            sequence=7, decision=decision.request_id, record_sha256="0", parts={}, sealed_at=decision.decided_at,
            key="0", hash="0", signature="0",
        ),
    ):  # fmt: skip
        with pytest.raises(Error), transaction.atomic():
            change()


def test_a_new_key_signs_and_the_old_one_stays_known(
    cast: Cast, decision: Decision, settings: Settings, tmp_path: Path
) -> None:
    first = Seal.objects.get().key
    settings.DECISION_KEYS = ["A" * 43 + "="]
    decided(cast, "test", "refuse")
    assert Seal.objects.get(sequence=2).key == key_id(public_text(private_key("A" * 43 + "=")))
    assert verify_all().is_intact
    told = Client().get("/.well-known/atrium-decisions.json").json()
    assert [(key["id"], key["is_current"]) for key in told["keys"]][1] == (first, False)
    assert [key.is_current for key in known_keys()] == [True, False]
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(told))
    assert check(kept(decision, tmp_path), read_keys(path)).is_intact, (
        "sealed with the old key, handed out with the new"
    )


def test_the_keys_stay_known_when_an_old_secret_key_is_dropped(decision: Decision, settings: Settings) -> None:
    old = settings.SECRET_KEY
    settings.DECISION_KEYS = ["A" * 43 + "="]
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [old]
    seal_decisions()
    settings.SECRET_KEY_FALLBACKS = []
    assert [each.is_ours for each in known_keys() if each.last_used] == [True] and verify_all().findings == []
    assert Entry.objects.filter(verb="decisions.keys_renewed").count() == 1
    settings.SECRET_KEY = "a third, which knows nothing of the others"
    assert renew_codes() == 0
    assert [each.where for each in verify_all().findings] == ["public key"], "what is foreign is not made ours"


def test_the_command_lists_the_keys_and_rotates_that_of_the_data_folder(
    decision: Decision, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.delenv("ATRIUM_DECISION_KEYS", raising=False)
    settings.DATA_FOLDER = tmp_path
    assert main(["decision", "keys"]) == 0
    assert f"{Seal.objects.get().key}  signs now" in capsys.readouterr().out
    for count in (1, 2):
        assert main(["decision", "keys", "--rotate"]) == 0
        kept = (tmp_path / "decision_keys").read_text().split()
        assert len(kept) == count and all(private_key(each) for each in kept)
    assert (tmp_path / "decision_keys").stat().st_mode & 0o777 == 0o600
    assert "signs once Atrium was started again" in capsys.readouterr().err
    monkeypatch.setenv("ATRIUM_DECISION_KEYS", kept[0])
    assert main(["decision", "keys", "--rotate"]) == 1
    assert main(["decision", "new-key"]) == 0
    assert private_key(capsys.readouterr().out.strip())
    assert main(["decision", "verify", "--all"]) == 0
    assert "The decisions are intact: 1 decision and 1 seal." in capsys.readouterr().out


@pytest.fixture
def of_the_first_form(decision: Decision) -> Iterator[Decision]:
    """A decision as it was made before there was a chain."""
    from approvals.sealing.canonical import hash_of

    later = {"fingerprint", "evidence_items", "attachments", "conversation", "valid_until", "is_demonstration"}
    record = {name: value for name, value in decision.record.items() if name not in later}
    record["form"] = "atrium decision 1"
    record["evidence"] = [{k: v for k, v in fact.items() if k != "item"} for fact in record["evidence"]]
    entry = Entry.objects.get(verb="request.approved")
    facts = json.dumps({**entry.facts, "hash": hash_of(record)})
    with without_triggers() as execute:
        execute("UPDATE approvals_decision SET record = %s, hash = %s", [json.dumps(record), hash_of(record)])
        execute("UPDATE audit_entry SET facts = %s WHERE id = %s", [facts, entry.pk])
        execute("DELETE FROM approvals_seal")
    yield Decision.objects.get(pk=decision.pk)


def test_what_was_decided_before_is_taken_into_the_chain_and_its_record_stays(of_the_first_form: Decision) -> None:
    before = of_the_first_form.record
    assert [each.where for each in verify(of_the_first_form).findings] == ["seal"]
    assert seal_unsealed() == 1 and seal_unsealed() == 0
    after = Decision.objects.get(pk=of_the_first_form.pk)
    assert after.record == before and verify_all().is_intact
    page = signed_in(Request.objects.get().requester).get(f"/decisions/{after.pk}/")
    assert "Verified just now" in page.content.decode() and "What was known" in page.content.decode()


def test_the_page_shows_the_seal_and_what_changed_since(cast: Cast, decision: Decision) -> None:
    from catalog.models import Model

    client = signed_in(cast.vera)
    page = client.get(f"/decisions/{decision.pk}/").content.decode()
    assert "Verified just now" in page and "Nothing changed" in page and "Low risk" in page
    Model.objects.filter(slug="echo-model").update(licence="proprietary")
    page = client.get(f"/decisions/{decision.pk}/").content.decode()
    assert "Nothing changed" not in page and "proprietary" in page
    with without_triggers() as execute:
        execute("UPDATE approvals_vote SET comment = 'Other'")
    page = client.get(f"/decisions/{decision.pk}/").content.decode()
    assert "vote of rita in stage 1, comment" in page


def test_the_archive_is_taken_by_who_may_see_it_and_that_is_on_record(
    cast: Cast, decision: Decision, tmp_path: Path
) -> None:
    answer = signed_in(cast.ada).get(f"/decisions/{decision.pk}/archive/")
    path = tmp_path / "taken.zip"
    path.write_bytes(answer.getvalue())
    assert check(path).is_intact and answer["Content-Disposition"] == 'attachment; filename="decision-R-1.zip"'
    assert Entry.objects.filter(verb="export.taken", subject_id="the decision on R-1").exists()
    assert signed_in(cast.greta).get(f"/decisions/{decision.pk}/archive/").status_code == 404
