"""``python -m bench.care.rows``: the rows of docs/performance.md, of the figures that the bench of care wrote down."""

import re
from collections import defaultdict

import msgspec

from bench.__main__ import RESULTS

COMMAND = "python -m bench care_services"
PARTS = {
    "assessments": "assessment", "proposals": "assessment", "beds": "home care beds", "equipment": "equipment",
    "grants": "grants", "visits": "services at home", "plans": "services at home", "catalogue": "services at home",
    "compared": "services at home", "requests": "services at home", "settlements": "settlements",
    "ratings": "services at home", "rounds": "overview, rules, notices, one resident", "meals": "meals",
    "complaints": "complaints, quality", "quality": "complaints, quality", "time-bank": "time bank",
    "workforce": "people", "documents": "documents, products, courses", "products": "documents, products, courses",
    "products-compare": "documents, products, courses", "courses": "documents, products, courses",
    "registers": "registers, reports", "left": "registers, reports", "identity": "registers, reports",
    "data": "registers, reports", "reports": "registers, reports", "privacy": "consents, privacy",
    "consents": "consents, privacy",
}  # fmt: skip
"""By the first word of an address behind /care: the row."""
OTHER = "overview, rules, notices, one resident"
BESIDE = "beside the wing: desk, residents, stations, decisions, field, family, panel, providers, volunteers"
_FIRST = re.compile(r"first look (\d+) ms")


def _row(address: str) -> str:
    words = address.strip("/").split("/")
    if words[0] in ("time-bank", "neighbour"):
        return "time bank"
    if words[0] != "care":
        return BESIDE
    return PARTS.get(words[1].split("-")[0] if len(words) > 1 and words[1] not in PARTS else "".join(words[1:2]), OTHER)


def main() -> None:
    """Print them as Markdown."""
    figures = [one for one in msgspec.json.decode(RESULTS.read_bytes())["figures"] if one["command"] == COMMAND]
    parts: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    print("| job | ms | limit, ms |\n| --- | --- | --- |")
    for one in figures:
        name = one["name"].removeprefix("care: ")
        first = _FIRST.search(one["note"])
        if name.startswith("/") and first:
            address = name.removesuffix(", p95")
            parts[_row(address)].append((one["value"], float(first[1]), address))
        else:
            limit = "" if one["reference"] is None else f"{one['reference']:,.0f}"
            print(f"| {name}: {one['note']} | {one['value']:,.0f} {one['unit'].replace('ms', '')} | {limit} |")
    print("\n| pages of | number | p95, ms | the slowest | first look, ms |\n| --- | --- | --- | --- | --- |")
    for part, found in sorted(parts.items()):
        p95, _, slowest = max(found)
        firsts = max(first for _, first, _ in found)
        print(f"| {part} | {len(found)} | {min(found)[0]:.0f} to {p95:.0f} | `{slowest}` | up to {firsts:.0f} |")


if __name__ == "__main__":
    main()
