"""One input that has everything a file must survive, for every kind, as raw lines of CSV written out by hand."""

from interactions.kinds import KINDS, Format, Table

# Each pair: the cell as it is in a file to load, and as it must be in an exported file.
TEXTS = [
    ("plain", "plain"),
    ('"with;separator"', '"with;separator"'),
    ('"say ""hi"""', '"say ""hi"""'),
    ('"two\nlines"', '"two\nlines"'),
    ('"CR\r\nLF"', '"CR\r\nLF"'),
    ("", ""),
    ('""', '""'),
    ("🎉 fête", "🎉 fête"),
    ("שלום עולם", "שלום עולם"),
    ("  leading blanks", "  leading blanks"),
    ("=1+1", "=1+1"),
    ("x" * 4000, "x" * 4000),
    ('"\\."', "\\."),
    ('"\r"', '"\r"'),
    ("a,b,c", "a,b,c"),
    ("NULL", "NULL"),
    ("tab\tand \\N", "tab\tand \\N"),
]
INTEGERS = [
    ("9007199254740993", "9007199254740993"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("9223372036854775807", "9223372036854775807"),
    ("", ""),
    ("0", "0"),
    ("007", "7"),
]
DECIMALS = [
    ("-0.01", "-0.01"),
    ("12.50", "12.5"),
    ("100", "100"),
    ("100.000000", "100"),
    ("999999999999999999.999999", "999999999999999999.999999"),
    ("-0", "0"),
    ("", ""),
    ("-1234.5", "-1234.5"),
]
BOOLEANS = [("true", "true"), ("false", "false"), ("", "")]
# What `local` shows is in Europe/Brussels.
MOMENTS = [
    ("2026-11-23T07:15:00Z", "2026-11-23T07:15:00Z", "2026-11-23 08:15:00"),
    ("2026-07-01T12:00:00.999999+05:30", "2026-07-01T06:30:00Z", "2026-07-01 08:30:00"),
    ("2026-07-01 14:00:00", "2026-07-01T12:00:00Z", "2026-07-01 14:00:00"),
    ("", "", ""),
    ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59Z", "1970-01-01 00:59:59"),
    ("0001-01-02T00:00:00Z", "0001-01-02T00:00:00Z", "0001-01-02 00:17:30"),
    ("9999-12-30T23:59:59Z", "9999-12-30T23:59:59Z", "9999-12-31 00:59:59"),
    ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z", "2026-10-25 02:30:00"),
    ("2026-03-29T02:30:00", "2026-03-29T01:30:00Z", "2026-03-29 03:30:00"),
]
CELLS = {
    Format.TEXT: TEXTS,
    Format.LIST: TEXTS,
    Format.INTEGER: INTEGERS,
    Format.DECIMAL: DECIMALS,
    Format.BOOLEAN: BOOLEANS,
    Format.MOMENT: MOMENTS,
}
ROWS = len(TEXTS)
CAMPAIGNS = b'campaignId;campaignName;campaignType\n1;"Spring; ""sale""";ONE_SHOT\n2;;""\n-3;" \n";AB_TESTING\n'
# By campaignId: the campaign's cells in an exported file.
CAMPAIGN_CELLS = {"1": '"Spring; ""sale""";ONE_SHOT', "2": ';""', "-3": '" \n";AB_TESTING', "": ";"}
# The second profile has no key, the fourth is not known.
PROFILES = (
    "profileId;businessKey;firstName;interests;score;weight;optIn;birth;visits\n"
    '1;"key;1";"Zoë ""Z""";"a,b;c";042;1.50;true;1990-05-01T00:00:00;"2026-01-01T00:00:00Z,2026-07-01T12:00:00+02:00"\n'
    '2;;"";;;;;;\n'
    '-9223372036854775808;"";;"";-1;-0.10;false;1990-05-01T00:00:00.25Z;""\n'
).encode()
ATTRIBUTES = [
    ("firstName", "text", False),
    ("interests", "text", True),
    ("score", "integer", False),
    ("weight", "decimal", False),
    ("optIn", "boolean", False),
    ("birth", "moment", False),
    ("visits", "moment", True),
]
ENRICHED = {
    "1": '"Zoë ""Z""";"a,b;c";42;1.5;true;1990-04-30T22:00:00Z;2026-01-01T00:00:00Z,2026-07-01T10:00:00Z',
    "2": '"";;;;;;',
    "-9223372036854775808": ';"";-1;-0.1;false;1990-05-01T00:00:00Z;""',
    "404": ";;;;;;",
}
PROFILE_CELLS = {"1": '"key;1"', "2": "", "-9223372036854775808": '""', "404": ""}
NUMBERS = list(PROFILE_CELLS)


def own_columns(kind):
    return [c for c in KINDS[kind].columns if c.table is Table.EVENT and c.source != "id"]


def cell(column, row, place, side):
    """The cell of a column in a row: `side` is 0 for the file to load, 1 for the export, 2 for an export in local time."""
    if column.header == "profileId":
        return NUMBERS[row % len(NUMBERS)]
    if column.header == "campaignId":
        return list(CAMPAIGN_CELLS)[row % len(CAMPAIGN_CELLS)]
    values = CELLS[column.format][(row + place) % len(CELLS[column.format])]
    return values[min(side, len(values) - 1)]


def incoming(kind):
    """The file to load: the kind's own columns, turned round."""
    columns = list(enumerate(own_columns(kind)))[::-1]
    lines = [";".join(column.header for _, column in columns)]
    lines += [";".join(cell(column, row, place, 0) for place, column in columns) for row in range(ROWS)]
    return ("\n".join(lines) + "\n").encode()
