"""Word files (DOCX) as a person could upload them."""

import io
import zipfile

SPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def paragraph(*runs: str) -> str:
    """A paragraph, in runs as Word cuts it."""
    return f"<w:p>{''.join(f'<w:r><w:t>{run}</w:t></w:r>' for run in runs)}</w:p>"


def docx(body: str, before: str = "", more: dict[str, bytes] | None = None) -> bytes:
    """A Word file with this body; ``before`` stands before the XML, ``more`` are further parts."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        xml = f'{before}<w:document xmlns:w="{SPACE}"><w:body>{body}</w:body></w:document>'
        packed.writestr("word/document.xml", xml)
        for name, content in (more or {}).items():
            packed.writestr(name, content)
    return held.getvalue()
