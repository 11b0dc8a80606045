"""What a file is, told by its content and never by its name: a short list of kinds that boards read, all else refused.

A list of signatures is kept here instead of a library: what is wanted is not to name every format there is but to let
in a few, and a library of hundreds would let in what nobody looked at. There is no virus scanner in it; an installation
that has one scans what people download, as it does for every other download.
"""

from __future__ import annotations

import codecs
import re
import zipfile
import zlib
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
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
CONTENT_TYPES = "[Content_Types].xml"  # in every document of Office
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
_DEEPEST = 2  # a zip file of documents, in which another is embedded
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b"
_PACKED_PICTURES = (".emz", ".wmz")  # drawings of Office, each packed by itself
_ARCHIVES = (
    _ZIP,
    b"PK\x05\x06",
    b"Rar!",
    b"7z\xbc\xaf",
    _GZIP,
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
)
_PROGRAMS = (b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"#!")


class KindNotTaken(Invalid):
    """It is not of a kind that is taken."""

    code = "document_kind_not_taken"


class ArchiveNotTaken(Invalid):
    """It is a zip file that would grow too large, nests other than documents do, or is broken."""

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
    if head.startswith(_ZIP):
        found = _of_zip(file, 0)
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


@dataclass
class _Left:
    """How much may still be found inside, over everything that is embedded."""

    bytes: int
    files: int = MOST_FILES

    def take(self, count: int) -> None:
        """Raises `ArchiveNotTaken`."""
        self.bytes -= count
        if self.bytes < 0:
            raise ArchiveNotTaken(_GROWS, field="file")


def _of_zip(file: IO[bytes], depth: int, left: _Left | None = None) -> str:
    """The kind of a zip file, once everything in it was unpacked within bounds and looked at."""
    file.seek(0, 2)
    left = left or _Left(min(LARGEST_INSIDE, file.tell() * MOST_GROWTH))
    try:
        archive = zipfile.ZipFile(file)
        members = archive.infolist()
        left.files -= len(members)
        if left.files < 0:
            raise ArchiveNotTaken(f"There are too many files in it; {MOST_FILES:,} is the most.", field="file")
        if sum(each.file_size for each in members) > left.bytes:
            raise ArchiveNotTaken(_GROWS, field="file")
        names = {each.filename for each in members}
        for member in members:
            _look_at(archive, member, left, depth, is_office=CONTENT_TYPES in names)
        return _document_of(archive, names)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError, RuntimeError) as error:
        raise ArchiveNotTaken("It looks like a zip file and cannot be read as one.", field="file") from error


_GROWS = (
    f"Unpacked it would be more than {LARGEST_INSIDE // 2**20} MB, or more than {MOST_GROWTH} times what it is now."
    " Send the files in it by themselves."
)


def _look_at(archive: zipfile.ZipFile, member: zipfile.ZipInfo, left: _Left, depth: int, *, is_office: bool) -> None:
    """Unpack a file within, and what is embedded in it. Raises `ArchiveNotTaken`."""
    name = member.filename
    if member.flag_bits & 0x1:
        raise ArchiveNotTaken(f"“{name}” in it is protected by a password, so nobody could look at it.", field="file")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # only of these a part can be unpacked
        raise ArchiveNotTaken(
            f"“{name}” in it is packed in a way that is not taken. Pack it with “Deflate”, as most programs do.",
            field="file",
        )
    if name.rpartition("/")[2].casefold() in ("vbaproject.bin", "vbadata.xml"):
        raise ArchiveNotTaken("It holds macros, which are programs. Save it without them.", field="file")
    with archive.open(member) as opened, SpooledTemporaryFile(PIECE) as embedded:
        size, is_zip, unpacked = 0, False, None
        while piece := opened.read(PIECE):
            if not size:
                is_zip = piece.startswith(_ZIP) and depth < _DEEPEST
                if is_office and piece.startswith(_GZIP) and name.casefold().endswith(_PACKED_PICTURES):
                    unpacked = zlib.decompressobj(wbits=31)
                elif not is_zip:
                    _refuse_inside(name, piece)
            size += len(piece)
            if size > member.file_size:  # what it says of itself is not believed
                raise ArchiveNotTaken(_GROWS, field="file")
            left.take(len(piece))
            if is_zip:
                embedded.write(piece)
            if unpacked is not None:
                _unpack(unpacked, piece, name if size == len(piece) else "", left)
        if is_zip and _of_zip(embedded, depth + 1, left) == ZIP:
            raise _packed_again(name)


def _unpack(stream: zlib._Decompress, piece: bytes, begins: str, left: _Left) -> None:
    """Count what `piece` of a packed picture unpacks to, a bounded part at a time; the one that `begins` it is looked
    at too."""
    while piece and not stream.eof:
        out = stream.decompress(piece, PIECE)
        if begins:
            _refuse_inside(begins, out)
            begins = ""
        left.take(len(out))
        piece = stream.unconsumed_tail


def _refuse_inside(name: str, head: bytes) -> None:
    if head.startswith(_ARCHIVES):
        raise _packed_again(name)
    if head.startswith(_PROGRAMS):
        raise ArchiveNotTaken(f"“{name}” in it is a program.", field="file")


def _packed_again(name: str) -> ArchiveNotTaken:
    return ArchiveNotTaken(f"“{name}” in it is packed once more. Send it by itself.", field="file")


def _document_of(archive: zipfile.ZipFile, names: set[str]) -> str:
    if CONTENT_TYPES in names:
        return next((kind for inside, kind in INSIDE.items() if inside in names), ZIP)
    if "mimetype" in names:
        with archive.open("mimetype") as opened:
            told = opened.read(100).decode("ascii", "replace").strip()
        if OPEN_DOCUMENT.fullmatch(told):
            return told
    return ZIP
