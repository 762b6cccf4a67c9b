"""Pages of a PDF as pictures, drawn in a process of its own that has bounds of memory and time.

A file that somebody uploaded is drawn far from everything else: what goes wrong there is one picture that is missing.
"""

import resource
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from care_network.errors import ProvisioningError

WIDTH_PT, PPI = 620, 110
"""Of a picture: about 950 pixels wide, whatever the page's own size."""
MOST_CPU_S, MOST_S, MOST_MEMORY = 10, 30, 1 << 30
_ONE = threading.BoundedSemaphore(1)
"""One page at a time: a reader asks for five at once, and a drawing takes a whole core for half a second."""


def picture(file: bytes, page: int) -> bytes:
    """Draw a page, from 1, as PNG. Raises ProvisioningError where it cannot be drawn."""
    wrong = ProvisioningError(
        en=f"page {page} cannot be shown as a picture: save the file", zh=f"第 {page} 页无法显示为图片，请保存文件查看",
        field="page",
    )  # fmt: skip
    if not _ONE.acquire(timeout=2 * MOST_S):
        raise wrong
    try:
        made = subprocess.run(
            [sys.executable, "-m", __name__, str(page)], input=file, capture_output=True, timeout=MOST_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise wrong from error
    finally:
        _ONE.release()
    if made.returncode or not made.stdout.startswith(b"\x89PNG"):
        raise wrong
    return made.stdout


def _draw(file: bytes, page: int) -> bytes:
    import typst

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "file.pdf").write_bytes(file)
        source = folder / "page.typ"
        source.write_text(
            f"#set page(width: {WIDTH_PT}pt, height: auto, margin: 0pt)\n"
            f'#image("/file.pdf", page: {page}, width: {WIDTH_PT}pt)'
        )
        return typst.compile(source, root=folder, format="png", ppi=PPI)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    sys.stdout.buffer.write(_draw(sys.stdin.buffer.read(), int(sys.argv[1])))
