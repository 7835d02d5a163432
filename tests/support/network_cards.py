"""MAC addresses of real makers and the machine ids made of them; networks of a test's own."""

import shutil
import subprocess

ONE = "f66a149db696752687235e6fde3d7ebeed827c7b4b36438508fd1a138d8fa6b6"


TWO = "9514f44c38aece14d9d7a6defe1cb674887c52fccd4e5fd9a361ee7d82ce7660"


INTEL = "00:1b:21:12:34:56"


BROADCOM = "00:0a:f7:00:00:01"


def has_namespaces() -> bool:
    """Whether a test can have a network of its own here."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    return subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode == 0
