"""What all tests share: settings of a test process. Servers are fixtures of `tests/servers.py`."""

import os
import tempfile

os.environ.setdefault("DEBUG", "1")
os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="portal-tests-"))
