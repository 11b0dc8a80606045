"""Documents on a request: told by their content, kept encrypted within bounds, handed out as files alone."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from pytest_django import Settings

from access.asking import request_access
from approvals.attachments import recognising
from approvals.attachments.attaching import (
    DocumentTooLarge,
    IsEvidence,
    NotTheirs,
    TooManyDocuments,
    attach,
    harmless,
    take_back,
)
from approvals.attachments.content import DocumentUnreadable, keep, pieces, rotate_document_keys
from approvals.attachments.recognising import ArchiveNotTaken, KindNotTaken, recognise
from approvals.evidence.collecting import EvidenceIsFrozen
from approvals.evidence.giving import EvidenceNotUnderstood, give
from approvals.models import Attachment, AttachmentPart, Decision, DocumentKey, Request
from approvals.sealing.archive import archive_of
from approvals.sealing.checking import check
from approvals.sealing.verifying import verify_all
from approvals.voting import vote
from audit.models import Entry
from audit.record import SYSTEM
from tenants import uploads
from tenants.memberships import add_member
from tenants.moving import move_project
from tests.cast import Cast, route

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 20
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 50


@pytest.fixture
def asked(cast: Cast) -> Request:
    return request_access(environment=cast.environment("production"), route=route(), purpose="Answer", by=cast.dev)


def signed_in(user: Any) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def attached(asked: Request, by: Any, name: str = "Contract.pdf", content: bytes = PDF) -> Attachment:
    return attach(request=asked, name=name, file=io.BytesIO(content), by=by)


def zipped(files: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return into.getvalue()


def office(inside: str = "word/document.xml", **embedded: bytes) -> bytes:
    """A document of Office with files in it, whose names have "__" for "/" and "_" for "."."""
    more = {name.replace("__", "/").replace("_", "."): content for name, content in embedded.items()}
    return zipped({"[Content_Types].xml": b"<x/>", inside: b"<x/>", **more})


def kind_of(content: bytes) -> str:
    return recognise(io.BytesIO(content))


def test_it_works(cast: Cast, asked: Request) -> None:
    client = signed_in(cast.dev)
    sent = [SimpleUploadedFile("Contract.pdf", PDF), SimpleUploadedFile("Plan.txt", "Größe: 1\n".encode())]
    page = client.post(f"/requests/{asked.number}/documents/", {"file": sent}, follow=True).content.decode()
    assert "Contract.pdf is attached." in page and "Plan.txt is attached." in page
    made = Attachment.objects.get(name="Contract.pdf")
    assert hashlib.sha256(PDF).hexdigest() in page and made.media_type == "application/pdf"
    answer = signed_in(cast.rita).get(f"/requests/{asked.number}/documents/{made.pk}/")
    assert answer.getvalue() == PDF
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == "attachment; filename*=UTF-8''Contract.pdf"
    assert answer["X-Content-Type-Options"] == "nosniff" and "sandbox" in answer["Content-Security-Policy"]
    entry = Entry.objects.get(verb="document.downloaded")
    assert (entry.actor_label, entry.facts["sha256"]) == ("Rita", made.sha256)


def test_it_is_kept_encrypted_and_in_pieces(cast: Cast, asked: Request) -> None:
    content = b"%PDF-" + b"secret words " * 200_000
    made = attached(asked, cast.dev, content=content)
    parts = list(AttachmentPart.objects.filter(attachment=made))
    assert len(parts) == 3 and not any(b"secret words" in bytes(part.sealed) for part in parts)
    assert b"".join(pieces(made)) == content


@pytest.mark.parametrize("change", ["sealed = decode('00', 'hex') || substr(sealed, 2)", "position = position + 1"])
def test_what_was_changed_in_the_database_is_not_handed_out(cast: Cast, asked: Request, change: str) -> None:
    made = attached(asked, cast.dev)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE approvals_attachmentpart SET {change}")
    with pytest.raises(DocumentUnreadable):
        b"".join(pieces(made))
    assert signed_in(cast.dev).get(f"/requests/{asked.number}/documents/{made.pk}/").status_code == 409


def damaged(content: bytes) -> bytes:
    """A zip file whose first packed byte begins a block of no known type (RFC 1951, 3.2.3)."""
    at = 30 + int.from_bytes(content[26:28], "little")
    return content[:at] + b"\x07" + content[at + 1 :]


SHEET = office("xl/workbook.xml")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PDF, "application/pdf"),
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 20, "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        ("name,value\nä,1\n".encode(), "text/plain"),
        (b"<html><script>alert(1)</script></html>", "text/plain"),
        (zipped({"a.txt": b"x"}), "application/zip"),
        (
            zipped({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"}),
            recognising.INSIDE["word/document.xml"],
        ),
        (
            zipped({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<x/>"}),
            "application/vnd.oasis.opendocument.text",
        ),
        (office(word__embeddings__Sheet1_xlsx=SHEET), recognising.INSIDE["word/document.xml"]),
        (office(word__media__image1_emz=gzip.compress(b"\x01\0\0\0" * 20)), recognising.INSIDE["word/document.xml"]),
        (zipped({"Plan.docx": office(word__embeddings__Sheet1_xlsx=SHEET), "a.xlsx": SHEET}), "application/zip"),
    ],
)
def test_a_file_is_what_its_content_says(content: bytes, kind: str) -> None:
    assert kind_of(content) == kind


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"MZ\x90\x00" + b"\0" * 100, "This is a program"),
        (b"\x7fELF\x02", "This is a program"),
        (b"#!/bin/sh\nrm -rf /\n", "This is a program"),
        (b"Rar!\x1a\x07\x00", "none of"),
        (b"\x1f\x8b\x08\x00", "none of"),
        (b"text with \x00 in it", "none of"),
        (b"\xff\xfe\x00broken", "none of"),
        (b"PK\x03\x04 no zip at all", "cannot be read as one"),
        (zipped({"a.zip": zipped({"b.txt": b"x"})}), "packed once more"),
        (office(word__embeddings__a_zip=zipped({"b.txt": b"x"})), "packed once more"),
        (zipped({"a.docx": office(b_docx=office(c_docx=office()))}), "“c.docx” in it is packed once more"),
        (office(word__embeddings__a_xlsx=office("xl/workbook.xml", a_txt=b"MZ")), "“a.txt” in it is a program"),
        (office(word__embeddings__a_xlsx=office("xl/workbook.xml", a_txt=b"0" * 9_000_000)), "Unpacked it would"),
        (office(word__media__a_emz=gzip.compress(b"0" * 9_000_000)), "Unpacked it would"),
        (office(word__media__a_emz=gzip.compress(b"MZ")), "“word/media/a.emz” in it is a program"),
        (zipped({"a.emz": gzip.compress(b"x")}), "packed once more"),
        (zipped({"a.txt": b"0" * 99}, method=zipfile.ZIP_BZIP2), "packed in a way that is not taken"),
        (zipped({"mimetype": b"0" * 99}, method=zipfile.ZIP_LZMA), "packed in a way that is not taken"),
        (damaged(zipped({"a.txt": b"some words " * 99})), "cannot be read as one"),
        (zipped({"setup.txt": b"MZ\x90\x00"}), "“setup.txt” in it is a program"),
        (zipped({"[Content_Types].xml": b"<x/>", "word/vbaProject.bin": b"x"}), "macros"),
        (zipped({"big.txt": b"0" * 50_000_000}), "Unpacked it would be more"),
        (zipped({f"{n}.txt": b"" for n in range(2_001)}), "2,000 is the most"),
    ],
    ids=lambda each: each if isinstance(each, str) else "content",
)
def test_what_is_not_taken_is_refused_whatever_it_is_called(
    cast: Cast, asked: Request, content: bytes, said: str
) -> None:
    with pytest.raises((KindNotTaken, ArchiveNotTaken), match=said):
        attached(asked, cast.dev, "Contract.pdf", content)
    sent = {"file": SimpleUploadedFile("Contract.pdf", content)}
    client = signed_in(cast.dev)
    page = client.post(f"/requests/{asked.number}/documents/", sent, follow=True).content.decode()
    assert said in page and not Attachment.objects.exists()


def test_a_damaged_file_does_not_keep_out_those_after_it(cast: Cast, asked: Request) -> None:
    bad = SimpleUploadedFile("Bad.zip", damaged(zipped({"a.txt": b"some words " * 99})))
    sent = {"file": [bad, SimpleUploadedFile("Contract.pdf", PDF)]}
    page = signed_in(cast.dev).post(f"/requests/{asked.number}/documents/", sent, follow=True).content.decode()
    assert "Bad.zip: It looks like a zip file" in page and "Contract.pdf is attached." in page


def test_a_zip_file_that_lies_about_its_size_is_found_by_unpacking_it() -> None:
    content = bytearray(zipped({"big.txt": b"0" * 5_000_000, "pad.bin": b""}, method=zipfile.ZIP_DEFLATED))
    real = (5_000_000).to_bytes(4, "little")
    while (at := content.find(real)) >= 0:
        content[at : at + 4] = (1_000).to_bytes(4, "little")
    with pytest.raises(ArchiveNotTaken):
        kind_of(bytes(content))


@pytest.mark.parametrize(
    ("given", "kind", "name"),
    [
        ("report.pdf.exe", "application/pdf", "report.pdf.exe.pdf"),
        ("../../etc/passwd", "text/plain", "passwd.txt"),
        ("C:\\Users\\me\\Plan.PDF", "application/pdf", "Plan.pdf"),
        ("evil\u202efdp.txt", "text/plain", "evilfdp.txt"),
        ("page.html", "text/plain", "page.html.txt"),
        ('a"b<c>\r\nSet-Cookie: x.pdf', "application/pdf", "a_b_c_Set-Cookie_ x.pdf"),
        ("...", "application/zip", "document.zip"),
        ("x" * 300 + ".pdf", "application/pdf", "x" * 116 + ".pdf"),
        ("契約" * 80 + ".pdf", "application/pdf", "契約" * 39 + ".pdf"),
    ],
)
def test_names_are_made_harmless(given: str, kind: str, name: str) -> None:
    assert harmless(given, kind) == name


def test_too_much_is_refused_while_it_comes_in(cast: Cast, asked: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LARGEST_FILE", 1_000_000)
    monkeypatch.setattr(uploads, "LARGEST_UPLOAD", 3_000_000)
    client = signed_in(cast.dev)
    for size, said in ((2_000_000, "A file may have 0 MB at most"), (4_000_000, "Everything that is sent at once")):
        sent = {"file": SimpleUploadedFile("Contract.pdf", b"%PDF-" + b"x" * size)}
        answer = client.post(f"/requests/{asked.number}/documents/", sent)
        assert answer.status_code == 413 and said in answer.content.decode()
    assert not Attachment.objects.exists()


def test_a_request_has_a_quota(cast: Cast, asked: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("approvals.attachments.attaching.MOST_BYTES", len(PDF) + 10)
    attached(asked, cast.dev)
    with pytest.raises(TooManyDocuments):
        attached(asked, cast.dev, "Other.pdf", PDF + b"!")
    monkeypatch.setattr("approvals.attachments.attaching.LARGEST_FILE", 100)
    with pytest.raises(DocumentTooLarge):
        attached(asked, cast.dev)


def test_the_same_is_attached_once_however_often_it_is_sent(cast: Cast, asked: Request) -> None:
    client = signed_in(cast.dev)
    for said in ("Contract.pdf is attached.", "is attached already, as Contract.pdf"):
        sent = {"file": SimpleUploadedFile("Contract.pdf", PDF)}
        page = client.post(f"/requests/{asked.number}/documents/", sent, follow=True).content.decode()
        assert said in page
    assert Attachment.objects.count() == 1


def test_who_attached_it_takes_it_back_while_it_is_no_evidence(cast: Cast, asked: Request) -> None:
    first, second = attached(asked, cast.dev), attached(asked, cast.dev, "Other.pdf", PDF + b"!")
    with pytest.raises(NotTheirs):
        take_back(document=first, by=cast.olivia)
    given = give(request=asked, name="The contract", document=first, by=cast.dev)
    assert (given.kind, given.document_sha256) == ("document", first.sha256)
    with pytest.raises(IsEvidence):
        take_back(document=first, by=cast.dev)
    with pytest.raises(EvidenceNotUnderstood):
        give(request=asked, name="Both", document=first, link="https://example.com", by=cast.dev)
    address = f"/requests/{asked.number}/documents/{second.pk}/remove/"
    assert "is taken back" in signed_in(cast.dev).post(address, follow=True).content.decode()
    assert [file.name for file in Attachment.objects.all()] == ["Contract.pdf"]


def test_who_asked_and_who_decides_clear_what_others_attached(cast: Cast, asked: Request) -> None:
    """All documents of a request share one bound, which whoever reads it could fill."""
    for number, person in enumerate((cast.dev, cast.rita)):
        made = attached(asked, cast.vera, content=PDF + bytes([number]))
        client, address = signed_in(person), f"/requests/{asked.number}/"
        assert f"remove-{made.pk}" in client.get(f"{address}?tab=evidence").content.decode()
        client.post(f"{address}documents/{made.pk}/remove/")
        assert not Attachment.objects.exists()
    made = attached(asked, cast.dev)
    assert f"remove-{made.pk}" not in signed_in(cast.vera).get(f"{address}?tab=evidence").content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_slow_reader_holds_no_connection(cast: Cast, asked: Request) -> None:
    content = b"%PDF-" + b"words " * 500_000
    made = attached(asked, cast.dev, content=content)
    vote(review=asked.reviews.get(), verdict="approve", comment="Fits.", by=cast.rita)
    for address in (
        f"/requests/{asked.number}/documents/{made.pk}/",
        f"/decisions/{Decision.objects.get().pk}/archive/",
    ):
        parts = 0
        for _ in signed_in(cast.dev).get(address):
            assert connection.connection is None, "it went back to the pool"
            parts += 1
        assert parts >= 3


def test_the_decision_seals_them_and_the_archive_holds_them(cast: Cast, asked: Request, tmp_path: Any) -> None:
    made = attached(asked, cast.dev)
    give(request=asked, name="The contract", document=made, by=cast.dev)
    vote(review=asked.reviews.get(), verdict="approve", comment="Fits.", by=cast.rita)
    with pytest.raises(EvidenceIsFrozen):
        attached(asked, cast.dev, "Late.pdf")
    decision = Decision.objects.get()
    assert [file["sha256"] for file in decision.record["attachments"]] == [made.sha256]
    path = tmp_path / "decision.zip"
    path.write_bytes(b"".join(archive_of(decision)))
    assert check(path).is_intact and verify_all().is_intact
    archive = zipfile.ZipFile(path)
    assert archive.read(f"documents/{made.pk}/Contract.pdf") == PDF
    content = bytearray(path.read_bytes())
    content[content.index(PDF[:20])] ^= 1
    path.write_bytes(content)
    assert any(f"documents/{made.pk}/Contract.pdf" in where for where, _ in check(path).findings)


def test_an_archive_holds_documents_with_names_of_any_script(cast: Cast, asked: Request, tmp_path: Any) -> None:
    """Also one of 120 characters of three bytes, as it was once kept."""
    long = "審" * 116 + ".pdf"
    made = attached(asked, cast.dev, "審" * 200 + ".pdf")
    assert len(made.name.encode()) <= 240
    kept = Attachment(request=asked, name=long, media_type=made.media_type, size=1, sha256="", uploaded_by=cast.dev)
    kept.sha256, kept.size = hashlib.sha256(PNG).hexdigest(), len(PNG)
    kept.save()
    keep(kept, [PNG])
    vote(review=asked.reviews.get(), verdict="approve", comment="Fits.", by=cast.rita)
    path = tmp_path / "decision.zip"
    path.write_bytes(b"".join(archive_of(Decision.objects.get())))
    assert check(path).findings == [] and check(path).is_intact
    assert zipfile.ZipFile(path).read(f"documents/{kept.pk}/{long}") == PNG


@pytest.mark.parametrize("column", ["name", "media_type", "size", "sha256", "uploaded_at"])
def test_a_changed_row_of_a_document_is_found(cast: Cast, asked: Request, column: str) -> None:
    attached(asked, cast.dev)
    vote(review=asked.reviews.get(), verdict="approve", comment="Fits.", by=cast.rita)
    value = {"size": "1", "uploaded_at": "now() - interval '1 day'"}.get(column, "'other'")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f"UPDATE approvals_attachment SET {column} = {value}")
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert f"document “Contract.pdf”, {column}" in [each.where for each in verify_all().findings]


@pytest.mark.parametrize(
    "change",
    [
        "approvals_attachmentpart SET sealed = decode('00', 'hex') || substr(sealed, 2)",
        "approvals_attachmentpart SET position = position + 1",
        "approvals_documentkey SET wrapped = decode('00', 'hex') || substr(wrapped, 2)",
    ],
)
def test_changed_content_of_a_document_is_found(cast: Cast, asked: Request, change: str) -> None:
    attached(asked, cast.dev)
    vote(review=asked.reviews.get(), verdict="approve", comment="Fits.", by=cast.rita)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {change}")
    assert [each.where for each in verify_all().findings] == ["document “Contract.pdf”, content"]


def test_they_go_along_when_their_project_moves(cast: Cast, asked: Request) -> None:
    made = attached(asked, cast.dev)
    vote(review=asked.reviews.get(), verdict="approve", comment="Fits.", by=cast.rita)
    add_member(tenant=cast.globex, user=cast.olivia, role="owner", by=cast.greta)
    move_project(project=cast.project, to=cast.globex, by=cast.olivia)
    assert Request.objects.get().tenant == cast.globex
    answer = signed_in(cast.greta).get(f"/requests/{asked.number}/documents/{made.pk}/")
    assert answer.getvalue() == PDF and verify_all().is_intact


def test_the_keys_are_kept_under_a_newer_key(cast: Cast, asked: Request, settings: Settings) -> None:
    made = attached(asked, cast.dev)
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(DocumentUnreadable, match="ATRIUM_CREDENTIAL_KEYS"):
        b"".join(pieces(made))
    assert rotate_document_keys(by=SYSTEM) == (0, 1)
    DocumentKey.objects.all().delete()
    Attachment.objects.all().delete()
    made = attached(asked, cast.dev)
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode(), *settings.CREDENTIAL_KEYS]
    assert rotate_document_keys(by=SYSTEM) == (1, 0)
    settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS[:1]
    assert b"".join(pieces(made)) == PDF


def test_strangers_find_none_of_it(cast: Cast, asked: Request) -> None:
    made = attached(asked, cast.dev)
    for client in (signed_in(cast.greta), signed_in(cast.ned)):
        assert client.get(f"/requests/{asked.number}/documents/{made.pk}/").status_code == 404
        assert client.post(f"/requests/{asked.number}/documents/").status_code == 404
        assert client.get(f"/api/requests/{asked.number}/documents/").status_code == 404


def test_the_api_does_the_same(cast: Cast, asked: Request) -> None:
    client = signed_in(cast.dev)
    address = f"/api/requests/{asked.number}/documents/"
    made = client.post(f"{address}attach/", {"file": SimpleUploadedFile("Contract.pdf", PDF)})
    assert made.status_code == 201, made.content
    told = made.json()
    assert client.get(address).json() == [told] and told["sha256"] == hashlib.sha256(PDF).hexdigest()
    assert client.get(f"{address}{told['id']}/").getvalue() == PDF
    evidence = client.post(
        f"/api/requests/{asked.number}/evidence/", {"name": "The contract", "document": told["id"]},
        content_type="application/json",
    )  # fmt: skip
    assert evidence.json()["pieces"][-1]["document"] == told["id"]
    assert client.delete(f"{address}{told['id']}/").status_code == 409
    other = client.post(f"{address}attach/", {"file": SimpleUploadedFile("a.pdf", b"MZ")})
    assert other.status_code == 422 and other.json()["code"] == "document_kind_not_taken"


def test_with_their_key_the_documents_are_gone_in_copies_too(cast: Cast, asked: Request) -> None:
    made = attached(asked, cast.dev)
    DocumentKey.objects.filter(request=asked).delete()
    with pytest.raises(DocumentUnreadable, match="key of these documents is gone"):
        b"".join(pieces(made))
