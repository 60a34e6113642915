"""The contract's CSV dialect, read and written: `;` between cells, minimal quotes, nothing for NULL, `""` for an empty text."""

SPECIAL = (";", '"', "\n", "\r")


def cell(value: str | None) -> str:
    """One cell as a file holds it: quoted when it is empty or holds a separator, a quote or a line break."""
    if value is None:
        return ""
    if value and not any(character in value for character in SPECIAL):
        return value
    return '"' + value.replace('"', '""') + '"'


def line(values: list[str]) -> bytes:
    """A line of texts, none of them missing, with its line end."""
    return (";".join(map(cell, values)) + "\n").encode()


def cells(values: list[str | None]) -> list[str]:
    """Many cells of one column at once: looked at one by one only where at least one of them needs quotes."""
    if None in values:
        filled = [value for value in values if value is not None]
        plain = ["" if value is None else value for value in values]
    else:
        filled = plain = values  # type: ignore[assignment]
    if "" not in filled:
        whole = "".join(filled)
        if not any(character in whole for character in SPECIAL):
            return plain
    return [cell(value) for value in values]
