"""Makes the virtual environment `.venv` and installs the pinned requirements, once per change of their files.

Uses nothing but Python's standard library, and reads on any Python 3.6 and newer, so that an old one gets a sentence.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
OLDEST = (3, 11)
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
GET_PIP = "https://bootstrap.pypa.io/get-pip.py"


def fail(sentence):
    sys.exit(f"make: {sentence}")


def say(line):
    print(line, file=sys.stderr, flush=True)


def check_python():
    if sys.version_info < OLDEST:
        fail(
            f"Python {VERSION} is too old: the portal needs {OLDEST[0]}.{OLDEST[1]} or newer. "
            "Install a newer one, or name it: make PYTHON=/path/to/python3.11 …"
        )


def has_ensurepip():
    """Whether this Python brings pip along. Debian and Ubuntu keep that part in a package of its own."""
    return importlib.util.find_spec("ensurepip") is not None


def make_venv():
    """With pip from Python itself, else (in CI) from Debian's package, else from pip's own site."""
    say("Making a virtual environment in .venv …")
    package = f"python{VERSION}-venv"
    if not has_ensurepip() and os.environ.get("CI") and os.geteuid() == 0 and shutil.which("apt-get"):
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", package)
        importlib.invalidate_caches()
    if has_ensurepip():
        run(sys.executable, "-m", "venv", "--clear", str(VENV))
        return
    run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV))
    try:
        with urllib.request.urlopen(GET_PIP, timeout=60) as answer:
            script = answer.read()
    except OSError as error:
        fail(
            f"This Python ({sys.executable}) cannot make a virtual environment, as its module ensurepip is missing, and "
            f"{GET_PIP} cannot be fetched ({error}). On Debian and Ubuntu: apt-get install {package}"
        )
    subprocess.run([str(PYTHON), "-", "--quiet"], input=script, check=True)


def run(*command):
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True)


def wanted():
    """What the environment is made from: the interpreter's version, the place, and the bytes of the requirements."""
    digest = hashlib.sha256(f"{VERSION} {VENV}".encode())
    for name in REQUIREMENTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def has_pip():
    return PYTHON.exists() and not subprocess.run([str(PYTHON), "-m", "pip", "--version"], stdout=subprocess.DEVNULL).returncode


def make():
    stamp = VENV / "requirements.sha256"
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted():
        return
    if not has_pip():
        make_venv()
    say("Installing the requirements (a minute or two, once) …")
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    if subprocess.run([*pip, "-r", str(ROOT / REQUIREMENTS[-1])], stdin=subprocess.DEVNULL).returncode:
        fail("pip could not install the requirements; its last lines above say why. Mend that and start again.")
    stamp.write_text(wanted())


def main():
    check_python()
    # Two makes at once wait for each other instead of installing into one folder together.
    fcntl.flock(os.open(str(ROOT), os.O_RDONLY), fcntl.LOCK_EX)
    try:
        make()
    except (OSError, subprocess.CalledProcessError) as error:
        fail(f"The virtual environment could not be made: {error}")


if __name__ == "__main__":
    main()
