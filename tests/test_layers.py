"""An app imports only from floors below it; apps of one floor do not know each other."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "accounts": set(),
    "interactions": {"accounts"},
    "transfers": {"accounts"},
    "flows": {"accounts", "interactions", "transfers"},
}


def imported_apps(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found & set(MAY_IMPORT)


@pytest.mark.parametrize("app", MAY_IMPORT)
def test_an_app_imports_only_from_floors_below_it(app):
    for path in (ROOT / app).rglob("*.py"):
        assert imported_apps(path) <= MAY_IMPORT[app] | {app}, path
