"""The environment of a test process, set before Django reads its settings (pytest loads this as a plugin)."""

import os
import tempfile

# A process of its own gets a folder of its own; what it starts inherits the same.
os.environ["DEBUG"] = "1"
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="portal-tests-")
os.environ.setdefault("LEASE_SECONDS", "5")
if os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
