"""The table on the terminal, and the page's table and picture, from the results' JSON."""

from html import escape
from typing import Any

from .measure import ROOT, median

PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "pictures" / "performance.svg"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"


def number(value: float, unit: str) -> str:
    if unit == "s" and value < 0.1:
        return f"{value * 1000:.1f} ms"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.2f} {unit}"


def ratio(entry: dict[str, Any]) -> str:
    if entry["ratio"] is None:
        return "not measured"
    return f"{entry['ratio']:.2f} {entry['unit']} more" if entry["difference"] else f"{entry['ratio']:.2f}"


def verdict(entry: dict[str, Any]) -> str:
    return {True: "held", False: "MISSED", None: "shown"}[entry["held"]]


def row(entry: dict[str, Any]) -> str:
    sides = " : ".join(number(median(entry[side]), entry["unit"]) for side in ("product", "peer") if entry[side])
    bar = "-" if entry["bar"] is None else f"{entry['bar']:g}"
    return f"{entry['name']:<24} {ratio(entry):>16} {bar:>6}  {verdict(entry):<7} {sides}  {entry['note']}".rstrip()


def table(entries: list[dict[str, Any]], document: dict[str, Any]) -> str:
    facts = document["machine"]
    head = f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB; scale {document['scale']}"
    tools = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    title = f"{'line':<24} {'ratio':>16} {'bar':>6}  {'':<7} product : peer (medians)"
    return "\n".join([head, tools, "", title, *map(row, entries)])


def page(document: dict[str, Any]) -> None:
    """Replaces the table of docs/performance.md and draws its picture."""
    facts, entries = document["machine"], document["results"]
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    lines = [
        BEGIN,
        "",
        f"Measured {document['measured_at'][:10]} on {facts['processor']}, {facts['cores']} cores, {facts['memory_gib']} GiB, scale "
        f"{document['scale']}. {versions}.",
        "",
        "| line | what | against | product | peer | ratio | bar | |",
        "|---|---|---|---|---|---|---|---|",
        *map(_page_row, entries),
        "",
        END,
    ]
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    PAGE.write_text(before + "\n".join(lines) + rest.partition(END)[2], encoding="utf-8")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(picture([entry for entry in entries if entry["bar"] and entry["ratio"] is not None]), encoding="utf-8")


def _page_row(entry: dict[str, Any]) -> str:
    sides = [number(median(entry[side]), entry["unit"]) if entry[side] else "" for side in ("product", "peer")]
    bar = "" if entry["bar"] is None else f"{entry['bar']:g}"
    cells = [f"`{entry['name']}`", entry["what"], entry["against"], *sides, ratio(entry), bar, verdict(entry)]
    return f"| {' | '.join(cells)} |"


def picture(entries: list[dict[str, Any]]) -> str:
    """Each line as a bar: how much of what its bar allows was used; the upright line is the bar itself."""
    left, width, height = 330, 420, 24
    scale = width / 1.5
    parts = []
    for place, entry in enumerate(entries):
        used = max(entry["ratio"] / entry["bar"], 0.01)
        top = 46 + place * height
        colour = "#2f7d4f" if entry["held"] else "#b3412e"
        shown = f"{ratio(entry)} of at most {entry['bar']:g}"
        parts.append(
            f'<text x="{left - 10}" y="{top + 13}" text-anchor="end">{escape(entry["name"].replace("_", " "))}</text>'
            f'<rect x="{left}" y="{top}" width="{min(used, 1.5) * scale:.1f}" height="16" rx="2" fill="{colour}"/>'
            f'<text x="{left + width + 12}" y="{top + 13}">{escape(shown)}</text>'
        )
    bottom = 46 + len(entries) * height
    bar = left + scale
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 980 {bottom + 20}" font-family="sans-serif" font-size="13" fill="#222" '
        f'role="img" aria-label="How much of each bar is used">\n<rect width="980" height="{bottom + 20}" fill="#fff"/>\n'
        f'<text x="{left}" y="22" font-weight="bold">Share of each bar that is used; shorter is better</text>\n'
        f'<line x1="{bar}" x2="{bar}" y1="34" y2="{bottom}" stroke="#222" stroke-dasharray="4 3"/>\n'
        f'<text x="{bar}" y="{bottom + 14}" text-anchor="middle">the bar</text>\n' + "\n".join(parts) + "\n</svg>\n"
    )
