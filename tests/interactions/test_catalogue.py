"""The code holds to the catalogue that clients read, header by header and type by type."""

import tomllib
from pathlib import Path

import pytest
from django.db import models

from interactions.kinds import KINDS, Format, Table
from interactions.models import Campaign, ExactDecimalField, Profile

CATALOGUE = tomllib.loads((Path(__file__).parents[2] / "docs" / "catalogue.toml").read_text(encoding="utf-8"))
BLOCKS = {
    "@event": ["eventId:integer"],
    "@profile": ["profileId:integer", "businessKey:text"],
    "@campaign": ["campaignId:integer", "campaignName:text", "campaignType:text"],
}
FIELDS = {
    Format.INTEGER: (models.BigIntegerField, models.BigAutoField),
    Format.TEXT: (models.TextField,),
    Format.LIST: (models.TextField,),
    Format.DECIMAL: (ExactDecimalField,),
    Format.BOOLEAN: (models.BooleanField,),
    Format.MOMENT: (models.DateTimeField,),
}


def test_the_kinds_are_those_of_the_catalogue_in_its_order():
    assert CATALOGUE["version"] == 1
    assert len(KINDS) == 27
    listed = [(kind["code"], kind["family"], kind["label"]) for kind in CATALOGUE["kind"]]
    assert [(kind.code, kind.family, kind.label) for kind in KINDS.values()] == listed


@pytest.mark.parametrize("entry", CATALOGUE["kind"], ids=lambda entry: entry["code"])
def test_the_columns_are_those_of_the_catalogue(entry):
    listed = [column for name in entry["columns"] for column in BLOCKS.get(name, [name])]
    assert [f"{column.header}:{column.format.value}" for column in KINDS[entry["code"]].columns] == listed


def test_kinds_have_numbers_of_their_own_that_never_change():
    assert [kind.number for kind in KINDS.values()] == list(range(1, 28))


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.code)
def test_each_column_is_read_from_a_field_of_its_format(kind):
    tables = {Table.EVENT: kind.model, Table.PROFILE: Profile, Table.CAMPAIGN: Campaign}
    for column in kind.columns:
        assert isinstance(tables[column.table]._meta.get_field(column.source), FIELDS[column.format]), column
    assert kind.moment in [column.source for column in kind.columns if column.format is Format.MOMENT]
    assert all(column.meaning for column in kind.columns)
