"""Check a file that somebody uploads, and read the words inside it: PDF and Word (DOCX). Pure."""

import io
import time
import zipfile
from typing import IO, Any, Literal

import msgspec
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from care_network.errors import ProvisioningError

MOST_FILE = 10 * 1024 * 1024
MOST_UNPACKED = 60 * 1024 * 1024
"""Of the parts of a DOCX: more is no document of ours, and may be meant to fill the memory."""
MOST_PAGES, MOST_WORDS, MOST_S = 400, 1_000_000, 5.0
"""Pages, characters and seconds; what goes beyond is not searched, and the page says so."""
MOST_DEPTH = 500
"""Elements of a DOCX inside each other; tables in tables in text boxes have a tenth of it."""
PAGE = "\f"
"""Between two pages of the words inside a PDF."""
Kind = Literal["pdf", "docx"]
How = Literal["text", "partly", "none", "unread"]
"""How much of a file was read: all of it, its beginning, no words (pictures of pages), or not at all yet."""
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PDF_PROGRAMS = (b"/JavaScript", b"/Launch", b"/EmbeddedFile")
MEDIA: dict[Kind, str] = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


class Inside(msgspec.Struct, frozen=True):
    """The words inside a file. ``pages``: of a PDF; 0: not known."""

    how: How
    text: str = ""
    pages: int = 0


def kind_of(file: bytes) -> Kind | None:
    """The kind of a file by its first bytes; None: neither."""
    return "pdf" if file.startswith(b"%PDF-") else "docx" if file.startswith(b"PK\x03\x04") else None


def read(file: bytes) -> Inside:
    """Check a file and read the words inside it. Raises ProvisioningError, which says what to do."""
    if len(file) > MOST_FILE:
        raise _wrong("a file has 10 MB at most: save it with smaller pictures", "文件不能超过 10 MB，请压缩图片后再传")
    if not file:
        raise _wrong("this file is empty", "文件是空的")
    kind = kind_of(file)
    if kind is None:
        old = file.startswith(b"\xd0\xcf\x11\xe0")
        raise (
            _wrong("this is an old Word file: save it as .docx or PDF", "这是旧版 Word 文件，请另存为 .docx 或 PDF")
            if old
            else _wrong("choose a PDF or a Word file (.docx)", "请选择 PDF 或 Word（.docx）文件")
        )
    return _pdf(file) if kind == "pdf" else _docx(file)


def _pdf(file: bytes) -> Inside:
    if b"%%EOF" not in file[-2048:]:
        raise _wrong("this PDF is not whole: its end is missing", "PDF 文件不完整（缺少结尾），请重新导出")
    if any(mark in file for mark in _PDF_PROGRAMS):
        raise _wrong(
            "this PDF carries a program or a further file; print it to PDF anew",
            "该 PDF 内含脚本或附件，请重新打印为 PDF 后上传",
        )
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ImportError:  # not installed with this program: kept, and found by its title alone
        return Inside("unread")
    try:
        reader = PdfReader(io.BytesIO(file))
        if reader.is_encrypted:
            raise _wrong("this PDF asks for a password: save it without one", "该 PDF 有密码，请去掉密码后再传")
        count = len(reader.pages)
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise _wrong("this PDF is damaged and cannot be opened", "PDF 文件已损坏，无法打开，请重新导出") from error
    if not count:
        raise _wrong("this PDF has no page", "该 PDF 没有页面")
    began, parts, length, whole = time.monotonic(), [], 0, count <= MOST_PAGES

    def in_time(*_: Any) -> None:
        """Stop within a page: forms that hold forms make a billion steps of a small file."""
        if time.monotonic() - began > MOST_S:
            raise TimeoutError

    for number in range(min(count, MOST_PAGES)):
        try:
            words = reader.pages[number].extract_text(visitor_operand_before=in_time)
        except Exception:  # one page of a strange make: the others may be read
            words, whole = "", False
        parts.append(words.replace("\x00", "").strip())
        length += len(words)
        if length > MOST_WORDS or time.monotonic() - began > MOST_S:
            whole = whole and number + 1 == count
            break
    text = PAGE.join(parts)[:MOST_WORDS]
    if not whole:  # no words so far are no proof that there are none
        return Inside("partly", text, count)
    return Inside("text" if text.strip(PAGE) else "none", text, count)


def _docx(file: bytes) -> Inside:
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as packed:
            names = {one.filename for one in packed.infolist()}
            if "word/document.xml" not in names:
                raise _wrong("this is no Word file (.docx)", "这不是 Word（.docx）文件")
            if any(name.endswith(("vbaProject.bin", ".exe", ".js")) or "/embeddings/" in name for name in names):
                raise _wrong(
                    "this Word file carries a program or a further file: save it as PDF",
                    "该 Word 文件内含宏或附件，请另存为 PDF 后上传",
                )
            if sum(one.file_size for one in packed.infolist()) > MOST_UNPACKED:
                raise _wrong("this Word file is too large inside", "该 Word 文件解开后过大，请压缩图片后再传")
            with packed.open("word/document.xml") as document:
                text, whole = _text(document)
    except (zipfile.BadZipFile, ElementTree.ParseError, DefusedXmlException, EOFError, OSError, RuntimeError) as error:
        raise _wrong("this Word file is damaged and cannot be opened", "Word 文件已损坏，无法打开") from error
    text = "\n".join(line.strip() for line in text.split("\n") if line.strip()).replace("\x00", "")
    if not text:
        return Inside("none" if whole else "partly")
    return Inside("text" if whole else "partly", text)


def _text(document: IO[bytes]) -> tuple[str, bool]:
    """The words of a document part by part, none of which is kept; whether it was read to its end."""
    began, length, number, open_ones = time.monotonic(), 0, 0, []
    parts: list[str] = []
    for event, one in ElementTree.iterparse(document, events=("start", "end"), forbid_dtd=True):
        number += 1
        if number % 4096 == 0 and time.monotonic() - began > MOST_S:
            return "".join(parts), False
        if event == "start":
            open_ones.append(one)
            if len(open_ones) > MOST_DEPTH:
                raise _wrong("this Word file is damaged and cannot be opened", "Word 文件已损坏，无法打开")
            continue
        open_ones.pop()
        if one.tag == f"{_W}t":
            word = one.text or ""
            length += len(word)
            if length > MOST_WORDS:
                return "".join((*parts, word))[:MOST_WORDS], False
            parts.append(word)
        elif one.tag in (f"{_W}tab", f"{_W}br"):
            parts.append(" ")
        elif one.tag == f"{_W}p":
            parts.append("\n")
        if open_ones:
            open_ones[-1].remove(one)
    return "".join(parts), True


def _wrong(en: str, zh: str) -> ProvisioningError:
    return ProvisioningError(en=en, zh=zh, field="file")
