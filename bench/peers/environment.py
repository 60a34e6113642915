"""The virtual environment of the peers that cannot live beside the product, made once and kept in bench/out."""

import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE.parent / "out" / "peers"
REQUIREMENTS = HERE.parent / "requirements.txt"


def python() -> str:
    """Its interpreter. Raises RuntimeError when the peers cannot be installed."""
    stamp, wanted = VENV / "done", hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    path = VENV / "bin" / "python"
    if not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
        print("… installing the peers into bench/out/peers (once)", file=sys.stderr, flush=True)
        _run(sys.executable, "-m", "venv", "--clear", str(VENV))
        _run(str(path), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(REQUIREMENTS))
        stamp.write_text(wanted, encoding="ascii")
    return str(path)


def _run(*command: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise RuntimeError(f"The peers could not be installed: {' '.join(last)}")
