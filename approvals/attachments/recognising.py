"""What a file is, told by its content and never by its name: a short list of kinds that boards read, all else refused.

A list of signatures is kept here instead of a library: what is wanted is not to name every format there is but to let
in a few, and a library of hundreds would let in what nobody looked at. There is no virus scanner in it; an installation
that has one scans what people download, as it does for every other download.
"""

from __future__ import annotations

import codecs
import re
import zipfile
from typing import IO

from refusals.errors import Invalid

HEAD = 4096
PIECE = 1 << 20
ZIP, TEXT = "application/zip", "text/plain"
SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
# Documents that are zip files, by a file that they must hold.
INSIDE = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/presentation.xml": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
OPEN_DOCUMENT = re.compile(r"application/vnd\.oasis\.opendocument\.(text|spreadsheet|presentation|graphics)")
ENDINGS = {
    "application/pdf": (".pdf",), "image/png": (".png",), "image/jpeg": (".jpg", ".jpeg"), "image/gif": (".gif",),
    "image/webp": (".webp",), ZIP: (".zip",), INSIDE["word/document.xml"]: (".docx",),
    INSIDE["xl/workbook.xml"]: (".xlsx",), INSIDE["ppt/presentation.xml"]: (".pptx",),
    "application/vnd.oasis.opendocument.text": (".odt",), "application/vnd.oasis.opendocument.spreadsheet": (".ods",),
    "application/vnd.oasis.opendocument.presentation": (".odp",),
    "application/vnd.oasis.opendocument.graphics": (".odg",),
    TEXT: (".txt", ".csv", ".tsv", ".md", ".json", ".yaml", ".yml", ".log", ".eml"),
}  # fmt: skip
TAKEN = (
    "PDF, Word, Excel, PowerPoint, OpenDocument, pictures (PNG, JPEG, GIF, WebP), plain text, and zip files of these"
)

MOST_FILES = 2_000
LARGEST_INSIDE = 200 * 2**20
MOST_GROWTH = 100  # times the packed size: documents reach 20, bombs thousands
_ARCHIVES = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"Rar!",
    b"7z\xbc\xaf",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
)
_PROGRAMS = (b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"#!")


class KindNotTaken(Invalid):
    """It is not of a kind that is taken."""

    code = "document_kind_not_taken"


class ArchiveNotTaken(Invalid):
    """It is a zip file that would grow too large, nests, or is broken."""

    code = "document_archive_not_taken"


def recognise(file: IO[bytes]) -> str:
    """The media type of `file`, read from its beginning and left there. Raises `KindNotTaken`, `ArchiveNotTaken`."""
    file.seek(0)
    head = file.read(HEAD)
    if not head:
        raise KindNotTaken("The file is empty.", field="file")
    if head.startswith(_PROGRAMS):
        raise KindNotTaken(f"This is a program, whatever it is called. Taken are: {TAKEN}.", field="file")
    found = next((kind for signature, kind in SIGNATURES if head.startswith(signature)), "")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        found = "image/webp"
    if head.startswith(b"PK\x03\x04"):
        found = _of_zip(file)
    if not found and _is_text(file):
        found = TEXT
    file.seek(0)
    if not found:
        raise KindNotTaken(f"What is in this file is none of: {TAKEN}.", field="file")
    return found


def _is_text(file: IO[bytes]) -> bool:
    """Whether all of it is UTF-8 without control characters but those of lines."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        while piece := file.read(PIECE):
            if _has_control(decoder.decode(piece)):
                return False
        return not _has_control(decoder.decode(b"", final=True))
    except UnicodeDecodeError:
        return False


_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f]")


def _has_control(text: str) -> bool:
    return _CONTROL.search(text) is not None


def _of_zip(file: IO[bytes]) -> str:
    """The kind of a zip file, once everything in it was unpacked within bounds and looked at."""
    file.seek(0, 2)
    packed = file.tell()
    try:
        archive = zipfile.ZipFile(file)
        members = archive.infolist()
        if len(members) > MOST_FILES:
            raise ArchiveNotTaken(f"It holds {len(members):,} files; {MOST_FILES:,} is the most.", field="file")
        if sum(each.file_size for each in members) > min(LARGEST_INSIDE, packed * MOST_GROWTH):
            raise ArchiveNotTaken(_GROWS, field="file")
        left = min(LARGEST_INSIDE, packed * MOST_GROWTH)
        for member in members:
            left -= _look_at(archive, member, left)
        return _document_of(archive, {each.filename for each in members})
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError, RuntimeError) as error:
        raise ArchiveNotTaken("It looks like a zip file and cannot be read as one.", field="file") from error


_GROWS = (
    f"Unpacked it would be more than {LARGEST_INSIDE // 2**20} MB, or more than {MOST_GROWTH} times what it is now."
    " Send the files in it by themselves."
)


def _look_at(archive: zipfile.ZipFile, member: zipfile.ZipInfo, left: int) -> int:
    """The real size of a file within. Raises `ArchiveNotTaken`."""
    name = member.filename
    if member.flag_bits & 0x1:
        raise ArchiveNotTaken(f"“{name}” in it is protected by a password, so nobody could look at it.", field="file")
    if name.rpartition("/")[2].casefold() in ("vbaproject.bin", "vbadata.xml"):
        raise ArchiveNotTaken("It holds macros, which are programs. Save it without them.", field="file")
    size = 0
    with archive.open(member) as opened:
        while piece := opened.read(PIECE):
            if not size:
                _refuse_inside(name, piece)
            size += len(piece)
            if size > left or size > member.file_size:  # what it says of itself is not believed
                raise ArchiveNotTaken(_GROWS, field="file")
    return size


def _refuse_inside(name: str, head: bytes) -> None:
    if head.startswith(_ARCHIVES):
        raise ArchiveNotTaken(f"“{name}” in it is packed once more. Send it by itself.", field="file")
    if head.startswith(_PROGRAMS):
        raise ArchiveNotTaken(f"“{name}” in it is a program.", field="file")


def _document_of(archive: zipfile.ZipFile, names: set[str]) -> str:
    if "[Content_Types].xml" in names:
        return next((kind for inside, kind in INSIDE.items() if inside in names), ZIP)
    if "mimetype" in names:
        told = archive.read("mimetype")[:100].decode("ascii", "replace").strip()
        if OPEN_DOCUMENT.fullmatch(told):
            return told
    return ZIP
