"""`manage.py configure`: what a file creates, changes and refuses."""

import json
from datetime import UTC, datetime, time
from io import StringIO

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from django.core.management import CommandError, call_command

from accounts.models import Account, Attribute, ProfileTable
from flows.models import Flow
from transfers.models import Location, Server

pytestmark = pytest.mark.django_db

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIA8Qa0KKrQyZWDgOo45qOq19o+60i0gg+ibwo6v0/GM"
CA = """\
-----BEGIN CERTIFICATE-----
MIIBEDCBt6ADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB0FjbWUgQ0Ew
HhcNMjYwMTAxMDAwMDAwWhcNMzYwMTAxMDAwMDAwWjASMRAwDgYDVQQDDAdBY21l
IENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/B+kdg/04tZf2v2YYi5IhAAm
cH06Sg6MO5+pbqoiu9r3Ayodv1WYQlfhtOG5NGbv/tJauf8MKSlPsRAGCkbv2TAK
BggqhkjOPQQDAgNIADBFAiAoDgN3p/tzjp/nl31Tzwtqs6HP8GTFlc5bgoBdnGqq
uwIhAJivcszPhGokuKKvLofjNI93wtPTCSwJigi3cDQVFlvO
-----END CERTIFICATE-----
"""
FULL = f"""
[[account]]
name = "acme"
label = "Acme"
time_zone = "Europe/Brussels"

[[account.table]]
name = "customers"
attributes = [
  {{name = "firstName", type = "text"}},
  {{name = "interests", type = "text", multi_valued = true}},
]

[[account.server]]
name = "acme-sftp"
protocol = "sftp"
host = "sftp.acme.test"
port = 22
username = "actito"
password_env = "ACME_SFTP_PASSWORD"
host_keys = ["{HOST_KEY} root@sftp"]
hosted = false

[[account.location]]
name = "daily"
server = "acme-sftp"
folder = "/in/daily"
companions = ["manifest", "checksum", "ready"]

[[account.flow]]
table = "customers"
kind = "email_click"
launch_time = "02:00"
locations = ["daily"]
enrichment = ["interests", "firstName"]
active = true
file_name = "{{kind}}_{{table}}_{{yyyyMMdd}}.zip"
moments = "utc"
when_empty = "header_only"
start = "2026-11-01T00:00:00Z"
"""


@pytest.fixture(autouse=True)
def password(monkeypatch):
    monkeypatch.setenv("ACME_SFTP_PASSWORD", "first secret")


@pytest.fixture
def configure(tmp_path):
    """Writes the text to portal.toml, applies it and returns the lines printed."""

    def apply(text, *options):
        path = tmp_path / "portal.toml"
        path.write_text(text, encoding="utf-8")
        out = StringIO()
        call_command("configure", str(path), *options, stdout=out)
        return out.getvalue().splitlines()

    return apply


@pytest.fixture
def refused(configure, tmp_path):
    """The problems that a text is refused with, without the file's name; nothing may have changed."""

    def problems(text):
        before = snapshot()
        with pytest.raises(CommandError) as caught:
            configure(text)
        assert caught.value.returncode == 1
        assert snapshot() == before
        lines = str(caught.value).splitlines()
        assert all(line.startswith(f"{tmp_path / 'portal.toml'}: ") for line in lines)
        return [line.removeprefix(f"{tmp_path / 'portal.toml'}: ") for line in lines]

    return problems


def snapshot():
    models = (Account, ProfileTable, Attribute, Server, Location, Flow, Flow.locations.through, Flow.enrichment.through)
    return [list(model.objects.order_by("pk").values()) for model in models]


def replaced(old, new, text=FULL):
    assert old in text
    return text.replace(old, new)


def test_a_file_creates_everything_that_it_names(configure):
    assert configure(FULL) == [
        "account acme: created",
        "table acme/customers: created",
        "table acme/customers: attribute firstName added",
        "table acme/customers: attribute interests added",
        "server acme/acme-sftp: created",
        "location acme/daily: created",
        "flow acme/customers/email_click: created",
    ]
    account = Account.objects.get()
    assert (account.name, account.label, account.time_zone) == ("acme", "Acme", "Europe/Brussels")
    assert list(Attribute.objects.order_by("pk").values_list("name", "type", "multi_valued")) == [
        ("firstName", "text", False),
        ("interests", "text", True),
    ]
    server = Server.objects.get()
    assert (server.protocol, server.host, server.port, server.username) == ("sftp", "sftp.acme.test", 22, "actito")
    assert (server.password.reveal(), server.host_keys, server.hosted) == ("first secret", HOST_KEY, False)
    location = Location.objects.get()
    assert (location.server, location.folder) == (server, "/in/daily")
    assert location.companions == ["manifest", "checksum", "ready"]
    flow = Flow.objects.get()
    assert (str(flow), flow.active, flow.launch_time) == ("acme/customers/email_click", True, time(2, 0))
    assert [attribute.name for attribute in flow.attributes()] == ["interests", "firstName"]
    assert list(flow.locations.all()) == [location]
    assert flow.start == datetime(2026, 11, 1, tzinfo=UTC)
    assert flow.position
    assert flow.next_launch_at


def test_a_second_run_changes_nothing(configure):
    configure(FULL)
    before = snapshot()
    assert configure(FULL) == ["nothing changed"]
    assert configure(FULL, "--json") == []
    assert snapshot() == before


def test_changes_are_told_one_a_line(configure, monkeypatch):
    configure(FULL)
    position = Flow.objects.get().position
    text = replaced('launch_time = "02:00"', 'launch_time = "03:00"')
    text = replaced('enrichment = ["interests", "firstName"]', 'enrichment = ["firstName"]', text)
    text = replaced('label = "Acme"', 'label = "Acme Ltd"', text)
    text = replaced("port = 22\n", "port = 2222\n", text)
    text = replaced('companions = ["manifest", "checksum", "ready"]', 'companions = ["manifest"]', text)
    text = replaced('{name = "firstName", type = "text"}', '{name = "firstName", type = "integer"}', text)
    text = replaced('moments = "utc"', 'moments = "local"', text)
    text = replaced("active = true", "active = false", text)
    monkeypatch.setenv("ACME_SFTP_PASSWORD", "second secret")
    lines = configure(text)
    assert lines == [
        "account acme: label Acme → Acme Ltd",
        "table acme/customers: attribute firstName type text → integer",
        "server acme/acme-sftp: port 22 → 2222",
        "server acme/acme-sftp: password changed",
        "location acme/daily: checksum true → false",
        "location acme/daily: ready true → false",
        "flow acme/customers/email_click: launch_time 02:00 → 03:00",
        "flow acme/customers/email_click: moments utc → local",
        "flow acme/customers/email_click: active true → false",
        "flow acme/customers/email_click: enrichment interests, firstName → firstName",
    ]
    assert Server.objects.get().password.reveal() == "second secret"
    flow = Flow.objects.get()
    assert (flow.active, flow.position, flow.next_launch_at) == (False, position, None)


def test_changes_as_json(configure):
    text = replaced("active = true", "")
    created = [json.loads(line) for line in configure(text, "--json")]
    assert created[0] == {"sort": "account", "name": "acme", "what": "created"}
    assert created[2] == {"sort": "table", "name": "acme/customers", "what": "added", "key": "attribute firstName"}
    changed = [json.loads(line) for line in configure(replaced('"02:00"', '"03:30"', text), "--json")]
    assert changed == [
        {
            "sort": "flow",
            "name": "acme/customers/email_click",
            "what": "changed",
            "key": "launch_time",
            "before": "02:00",
            "after": "03:30",
        }
    ]


def test_a_key_left_out_means_its_default(configure):
    configure(FULL)
    text = FULL
    for line in (
        'label = "Acme"\n',
        'time_zone = "Europe/Brussels"\n',
        "port = 22\n",
        'folder = "/in/daily"\n',
        'companions = ["manifest", "checksum", "ready"]\n',
        'enrichment = ["interests", "firstName"]\n',
        'start = "2026-11-01T00:00:00Z"\n',
    ):
        text = replaced(line, "", text)
    assert configure(text) == [
        "account acme: label Acme → acme",
        "account acme: time_zone Europe/Brussels → UTC",
        "server acme/acme-sftp: port 22 → (none)",
        "location acme/daily: folder /in/daily → (none)",
        "location acme/daily: manifest true → false",
        "location acme/daily: checksum true → false",
        "location acme/daily: ready true → false",
        "flow acme/customers/email_click: start 2026-11-01T00:00:00Z → (none)",
        "flow acme/customers/email_click: enrichment interests, firstName → (none)",
    ]
    assert configure(text) == ["nothing changed"]


def test_what_a_person_confirmed_or_switched_stays_when_the_file_does_not_say(configure):
    configure(FULL)
    Server.objects.update(can_stat=False, max_connections=5, pinned_certificate="ab" * 32)
    text = replaced('password_env = "ACME_SFTP_PASSWORD"\n', "")
    text = replaced(f'host_keys = ["{HOST_KEY} root@sftp"]\n', "", text)
    text = replaced("active = true\n", "", text)
    assert configure(text) == ["nothing changed"]
    server = Server.objects.get()
    assert (server.password.reveal(), server.host_keys, server.can_stat) == ("first secret", HOST_KEY, False)
    assert Flow.objects.get().active is True
    assert configure(text.replace("port = 22\n", "port = 22\nhost_keys = []\ncan_stat = true\n")) == [
        "server acme/acme-sftp: host_keys changed",
        "server acme/acme-sftp: can_stat false → true",
    ]
    assert Server.objects.get().host_keys == ""


def test_a_new_flow_without_active_is_off(configure):
    configure(replaced("active = true\n", ""))
    flow = Flow.objects.get()
    assert (flow.active, flow.position, flow.next_launch_at) == (False, "", None)


def test_what_the_file_does_not_mention_is_left_alone(configure):
    configure(FULL)
    other = Account.objects.create(name="beta", label="Beta")
    ProfileTable.objects.create(account=Account.objects.get(name="acme"), name="prospects")
    Location.objects.create(account=Account.objects.get(name="acme"), name="weekly", server=Server.objects.get())
    before = snapshot()
    assert configure('[[account]]\nname = "acme"\nlabel = "Acme"\ntime_zone = "Europe/Brussels"\n') == ["nothing changed"]
    assert configure(FULL) == ["nothing changed"]
    assert snapshot() == before
    assert other in Account.objects.all()


def test_a_flow_may_use_what_is_in_the_database_only(configure):
    configure(FULL)
    part = """
[[account]]
name = "acme"
label = "Acme"
time_zone = "Europe/Brussels"
[[account.flow]]
table = "customers"
kind = "sms_sent"
launch_time = "04:00"
locations = ["daily"]
enrichment = ["firstName"]
"""
    assert configure(part) == ["flow acme/customers/sms_sent: created"]


def test_an_attribute_goes_together_with_the_flow_s_use_of_it(configure, refused):
    configure(FULL)
    without = replaced('  {name = "firstName", type = "text"},\n', "")
    part = without[: without.index("[[account.flow]]")]
    assert refused(part) == [
        "account[0].table[0].attributes: firstName is not in the list, but flow acme/customers/email_click uses it. "
        "Keep the attribute, or take it out of the flow's enrichment first."
    ]
    assert configure(replaced('["interests", "firstName"]', '["interests"]', without)) == [
        "flow acme/customers/email_click: enrichment interests, firstName → interests",
        "table acme/customers: attribute firstName removed",
    ]
    assert list(Attribute.objects.values_list("name", flat=True)) == ["interests"]


def test_all_that_is_wrong_in_a_file_is_told_at_once(refused):
    text = replaced('kind = "email_click"', 'kind = "email_clik"')
    text = replaced('launch_time = "02:00"', 'launch_time = "25:00"', text)
    text = replaced("port = 22\n", "port = 70000\nprt = 22\n", text)
    text = replaced('protocol = "sftp"', 'protocol = "ftp"', text)
    text = replaced("active = true", 'active = "yes"', text)
    text = replaced('moments = "utc"', 'moments = "UTC"', text)
    text = replaced('start = "2026-11-01T00:00:00Z"', 'start = "soon"', text)
    text = replaced('"checksum", "ready"', '"checksums"', text)
    text = replaced("hosted = false", "hosted = 0", text)
    text = replaced('name = "daily"', "", text)
    text = replaced(f'"{HOST_KEY} root@sftp"', '"sftp.acme.test ssh-ed25519 AAAA…"', text)
    assert refused(text) == [
        "account[0].server[0].protocol: 'ftp' is not one of sftp, ftps, ftps_implicit, s3, portal. Did you mean sftp?",
        "account[0].server[0].port: 70000 is not between 1 and 65535.",
        "account[0].server[0].hosted: true or false is expected, not a number.",
        "account[0].server[0].host_keys[0]: this is not a public key: its second word is not base64. "
        "Give the type and the key, such as ssh-ed25519 AAAA…, as ssh-keyscan prints them after the host's name.",
        "account[0].server[0].prt: this key is not known. Did you mean port?",
        "account[0].location[0].companions[1]: 'checksums' is not a companion. Did you mean checksum?",
        "account[0].location[0].name: this key is missing.",
        "account[0].flow[0].kind: 'email_clik' is not a kind of the catalogue. Did you mean email_click?",
        "account[0].flow[0].launch_time: 25:00 is not a time of the day, such as 02:00.",
        "account[0].flow[0].moments: 'UTC' is not one of utc, local.",
        "account[0].flow[0].start: soon is not a moment, such as 2026-11-01T00:00:00Z.",
        "account[0].flow[0].active: true or false is expected, not a text.",
    ]


def test_all_that_the_database_refuses_is_told_at_once(refused):
    text = replaced('time_zone = "Europe/Brussels"', 'time_zone = "Europe/Brussels"\n[[account.table]]\nname = "Bad Name"')
    text = replaced('host = "sftp.acme.test"', 'host = " "', text)
    text = replaced('folder = "/in/daily"', 'folder = "/in/../daily"', text)
    text = replaced('locations = ["daily"]', 'locations = ["daly"]', text)
    text = replaced('"interests", "firstName"]\nactive', '"firstname"]\nactive', text)
    text = replaced("{yyyyMMdd}", "{day}", text)
    assert refused(text) == [
        "account[0].table[0].name: Use up to 63 lower-case letters, digits, '-' and '_', starting with a letter or a digit.",
        "account[0].server[0].host: Enter the server's name or address.",
        "account[0].flow[0].locations[0]: 'daly' is not a location of this account.",
        "account[0].flow[0].enrichment[0]: 'firstname' is not an attribute of the table acme/customers. Did you mean firstName?",
        "account[0].flow[0].file_name: {day} is not a field of a file name. "
        "Use {account} {kind} {table} {yyyyMMdd} {yyyy-MM-dd} {HHmm} {sequence}.",
    ]


def test_an_error_in_the_last_entry_undoes_the_first(refused):
    assert refused(FULL + '\n[[account]]\nname = "beta"\ntime_zone = "Europe/Bruxelles"\n') == [
        "account[1].time_zone: 'Europe/Bruxelles' is not a time zone of the IANA list, such as Europe/Brussels."
    ]
    assert not Account.objects.exists()


def test_entries_that_are_there_twice(refused):
    again = FULL[FULL.index("[[account.location]]") :]
    assert refused(FULL + again) == [
        "account[0].location[1]: daily is there already, as account[0].location[0].",
        "account[0].flow[1]: customers/email_click is there already, as account[0].flow[0].",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[account]\n", "this is not TOML: "),
        ("acount = []\n", "acount: this key is not known. Did you mean account?"),
        ("account = 3\n", "account: a list is expected, not a number."),
        ("account = [3]\n", "account[0]: a table is expected, not a number."),
        ("[[account]]\n", "account[0].name: this key is missing."),
        ('[[account]]\nname = ""\n', "account[0].name: this key is empty."),
    ],
)
def test_files_that_are_no_configuration(refused, text, problem):
    assert refused(text)[0].startswith(problem)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CommandError, match=r"none\.toml: the file cannot be read: No such file or directory"):
        call_command("configure", str(tmp_path / "none.toml"))


def test_a_missing_variable_and_a_missing_file(refused, monkeypatch, tmp_path):
    monkeypatch.delenv("ACME_SFTP_PASSWORD")
    text = replaced("hosted = false", 'hosted = false\nprivate_key_file = "id"\nca_file = "ca.pem"\npassphrase_env = "EMPTY"')
    monkeypatch.setenv("EMPTY", "")
    assert refused(text) == [
        f"account[0].server[0].ca_file: the file {tmp_path / 'ca.pem'} cannot be read: No such file or directory.",
        "account[0].server[0].password_env: the environment variable ACME_SFTP_PASSWORD is not set.",
        f"account[0].server[0].private_key_file: the file {tmp_path / 'id'} cannot be read: No such file or directory.",
        "account[0].server[0].passphrase_env: the environment variable EMPTY is empty.",
    ]


def test_a_secret_from_two_sources(refused):
    assert refused(replaced("hosted = false", 'password_file = "secret"')) == [
        "account[0].server[0].password_env: give either password_env or password_file, not both."
    ]


def test_secrets_from_files_beside_the_configuration(configure, tmp_path):
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.BestAvailableEncryption(b"open sesame"),
    ).decode()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "id").write_text(private)
    (tmp_path / "secrets" / "phrase").write_text("open sesame\n")
    text = replaced('password_env = "ACME_SFTP_PASSWORD"', 'private_key_file = "secrets/id"\npassphrase_file = "secrets/phrase"')
    lines = configure(text)
    server = Server.objects.get()
    assert (server.private_key.reveal(), server.passphrase.reveal()) == (private, "open sesame")
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    assert server.public_key.split()[:2] == public.split()
    assert not any("sesame" in line for line in lines)
    assert configure(text) == ["nothing changed"]


def test_a_passphrase_that_does_not_fit_the_key(refused, tmp_path):
    private = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.BestAvailableEncryption(b"open sesame"),
    )
    (tmp_path / "id").write_bytes(private)
    text = replaced('password_env = "ACME_SFTP_PASSWORD"', 'private_key_file = "id"\npassphrase_env = "ACME_SFTP_PASSWORD"')
    (problem,) = refused(text)
    assert problem.startswith("account[0].server[0].private_key: ")
    assert "first secret" not in problem


def test_a_private_ca(configure, refused, tmp_path):
    text = replaced('protocol = "sftp"', 'protocol = "ftps"\nca_file = "ca.pem"')
    (tmp_path / "ca.pem").write_text("no certificate")
    assert refused(text) == [f"account[0].server[0].ca_file: the file {tmp_path / 'ca.pem'} holds no certificate in PEM format."]
    (tmp_path / "ca.pem").write_text(CA)
    configure(text)
    assert Server.objects.get().ca_certificate == CA
    assert configure(text) == ["nothing changed"]
    assert configure(replaced('ca_file = "ca.pem"', "", text)) == ["server acme/acme-sftp: ca_file changed"]
    assert Server.objects.get().ca_certificate == ""


def test_file_names_that_could_clash(refused, configure):
    second = """
[[account.table]]
name = "prospects"
[[account.flow]]
table = "prospects"
kind = "email_click"
launch_time = "02:00"
locations = ["again"]
file_name = "{kind}_customers_{yyyyMMdd}.zip"
[[account.location]]
name = "again"
server = "acme-sftp"
folder = "in/daily/"
"""
    assert refused(FULL + second) == [
        "account[0].flow[1].file_name: {kind}_customers_{yyyyMMdd}.zip of flow acme/prospects/email_click and "
        "{kind}_{table}_{yyyyMMdd}.zip of flow acme/customers/email_click could give two files at one location the same name. "
        "Add {table} to the file name."
    ]
    configure(FULL + second.replace('"in/daily/"', '"/in/prospects"'))
    assert Flow.objects.count() == 2


def test_a_start_without_an_offset_is_in_the_account_s_zone(configure):
    configure(replaced('start = "2026-11-01T00:00:00Z"', "start = 2026-11-01T00:00:00"))
    assert Flow.objects.get().start == datetime(2026, 10, 31, 23, 0, tzinfo=UTC)


def test_a_secret_under_a_lost_key_is_simply_replaced(configure):
    configure(FULL)
    Server.objects.update(password=type(Server.objects.get().password)("gAAAAA-not-ours"))
    assert configure(FULL) == ["server acme/acme-sftp: password changed"]
    assert Server.objects.get().password.reveal() == "first secret"


def test_an_attribute_named_like_a_column_of_the_kind_is_no_enrichment(tmp_path):
    text = FULL.replace('{name = "firstName", type = "text"}', '{name = "device", type = "text"}')
    text = text.replace('enrichment = ["interests", "firstName"]', 'enrichment = ["interests", "device"]')
    (tmp_path / "portal.toml").write_text(text)
    with pytest.raises(CommandError) as caught:
        call_command("configure", str(tmp_path / "portal.toml"))
    assert "enrichment[1]: device is a column of email_click already. Rename the attribute" in str(caught.value)
    assert Account.objects.count() == 0
