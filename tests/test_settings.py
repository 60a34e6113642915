"""Every variable that the settings read is described in `.env.example`, and the other way round."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parent.parent
READ = re.compile(r'(?:env\.(?:text|flag|number|words|storage)|_secret)\(\s*"([A-Z_0-9]+)"')
DESCRIBED = re.compile(r"^#?([A-Z_0-9]+)=", re.MULTILINE)


def test_each_variable_is_described():
    read = set(READ.findall((ROOT / "actito_exports" / "settings.py").read_text()))
    assert "FIELD_ENCRYPTION_KEYS" in read
    assert set(DESCRIBED.findall((ROOT / ".env.example").read_text())) == read


def start(**variables: str) -> subprocess.CompletedProcess[str]:
    """Reads the settings in a process of its own, with these variables and no others."""
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": os.environ["DATA_DIR"], **variables}
    return subprocess.run(
        [sys.executable, "-c", "import actito_exports.settings as s; print(s.SECRET_KEY)"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_secrets_nothing_starts():
    done = start()
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith(
        "SECRET_KEY is not set. Set it, or SECRET_KEY_FILE, in the environment; `make secrets` prints fresh values."
    )


def test_a_value_may_stand_in_a_file(tmp_path):
    (tmp_path / "key").write_text("from a file\n")
    done = start(SECRET_KEY_FILE=str(tmp_path / "key"), FIELD_ENCRYPTION_KEYS=Fernet.generate_key().decode())
    assert done.stdout == "from a file\n"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("RETENTION_DAYS", "five", "RETENTION_DAYS is 'five'; write a whole number of at least 1."),
        ("HTTPS", "maybe", "HTTPS is 'maybe'; write true or false."),
        ("ARCHIVE_CODEC", "lzma", "ARCHIVE_CODEC is 'lzma'; write zlib-ng or isal."),
        ("DATABASE_URL", "mysql://portal@db/portal", "DATABASE_URL must name a sqlite or a postgres database."),
        ("ARCHIVE_STORAGE_URL", "ftp://archives", "ARCHIVE_STORAGE_URL starts with 'ftp'; write a file:// or s3:// URL."),
        ("EMAIL_URL_FILE", "/nowhere", "EMAIL_URL_FILE names /nowhere, which cannot be read: No such file or directory."),
    ],
)
def test_a_wrong_value_stops_the_start_with_a_sentence(name, value, sentence):
    done = start(SECRET_KEY="x" * 50, FIELD_ENCRYPTION_KEYS=Fernet.generate_key().decode(), **{name: value})
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith(sentence)
