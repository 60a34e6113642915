"""Exports for tests: the bytes of a selection, in one call."""

from interactions import position
from interactions.kinds import KINDS
from interactions.rows import Rows, Selection


def select(kind, table, attributes=(), moments="utc", **options):
    options.setdefault("upper", position.current())
    return Selection(KINDS[kind], table, list(attributes), moments, table.account.zone, **options)


def export(kind, table, attributes=(), moments="utc", **options):
    return b"".join(Rows(select(kind, table, attributes, moments, **options)).blocks())
