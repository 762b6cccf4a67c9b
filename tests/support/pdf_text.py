"""Read the text of a PDF that typst wrote, glyph by glyph through the fonts' own tables; enough for our own reports."""

import re
import zlib

_OBJECT = re.compile(rb"(\d+) 0 obj\b(.*?)\bendobj", re.DOTALL)
_TOKEN = re.compile(rb"/([\w.+-]+)\s+[-\d.]+\s+Tf|<([0-9A-Fa-f\s]*)>|(\()|\b(ET)\b")
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


class PdfText:
    """The text of all pages and pictures; ``missing``: glyphs of no letter, which print as boxes."""

    def __init__(self, pdf: bytes) -> None:
        self._objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
        self.missing = 0
        self.pages = sum(b"/Type/Page/" in body or b"/Type/Page\n" in body for body in self._objects.values())
        parts = []
        for body in self._objects.values():
            if b"/Contents" in body:
                fonts = self._fonts(body)
                parts += [self._text(self._stream(number), fonts) for number in _refs(body, b"Contents")]
            elif b"/Subtype/Form" in body:
                parts.append(self._text(_unpacked(body), self._fonts(body)))
        self.text = "\n".join(parts)

    def _stream(self, number: int) -> bytes:
        return _unpacked(self._objects[number])

    def _fonts(self, body: bytes) -> dict[bytes, dict[int, str]]:
        for number in _refs(body, b"Resources"):
            body = body + self._objects[number]
        found = re.search(rb"/Font\s*<<(.*?)>>", body, re.DOTALL)
        named = re.findall(rb"/([\w.+-]+)\s+(\d+) 0 R", found[1]) if found else []
        tables = {}
        for name, number in named:
            for table in _refs(self._objects[int(number)], b"ToUnicode"):
                tables[name] = _letters(self._stream(table))
        return tables

    def _text(self, content: bytes, fonts: dict[bytes, dict[int, str]]) -> str:
        letters: dict[int, str] = {}
        out = []
        place, inside = 0, content.find(b"BT")
        if inside < 0:
            return ""
        while token := _TOKEN.search(content, place):
            place = token.end()
            if token[1]:
                letters = fonts.get(token[1], {})
            elif token[4]:
                out.append("\n")
                place = max(place, content.find(b"BT", place)) if content.find(b"BT", place) >= 0 else len(content)
            else:
                raw = b""
                if token[3]:
                    raw, place = _literal(content, place)
                elif token[2]:
                    raw = bytes.fromhex(token[2].decode())
                for at in range(0, len(raw) - 1, 2):
                    glyph = int.from_bytes(raw[at : at + 2])
                    self.missing += glyph == 0 or glyph not in letters
                    out.append(letters.get(glyph, "\ufffd"))
        return "".join(out)


def _refs(body: bytes, key: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb"/" + key + rb"\s+(\d+) 0 R", body)]


def _unpacked(body: bytes) -> bytes:
    begin = re.search(rb"stream\r?\n", body)
    if begin is None:
        return b""
    raw = body[begin.end() : body.rindex(b"endstream")]
    return zlib.decompressobj().decompress(raw) if b"/FlateDecode" in body[: begin.start()] else raw


def _letters(table: bytes) -> dict[int, str]:
    found = {}
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", table, re.DOTALL):
        for glyph, letter in re.findall(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
            found[int(glyph, 16)] = bytes.fromhex(letter.decode()).decode("utf-16-be")
    for block in re.findall(rb"beginbfrange(.*?)endbfrange", table, re.DOTALL):
        for first, last, letter in re.findall(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
            start = int.from_bytes(bytes.fromhex(letter.decode()))
            for place in range(int(last, 16) - int(first, 16) + 1):
                found[int(first, 16) + place] = chr(start + place)
    return found


def _literal(content: bytes, place: int) -> tuple[bytes, int]:
    """The bytes of a string in parentheses that begins at ``place``, and the place behind it."""
    depth, out = 1, bytearray()
    while depth:
        sign = content[place : place + 1]
        place += 1
        if sign == b"\\":
            octal = re.match(rb"[0-7]{1,3}", content[place : place + 3])
            if octal:
                out.append(int(octal[0], 8) & 255)
                place += len(octal[0])
            else:
                escaped = content[place : place + 1]
                out += b"" if escaped == b"\n" else _ESCAPED.get(escaped, escaped)
                place += 1
            continue
        depth += (sign == b"(") - (sign == b")")
        if depth:
            out += sign
    return bytes(out), place
