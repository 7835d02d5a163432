"""The agent's files: the machine's, or the user's own when it runs without privileges."""

import os
import sys
from pathlib import Path

NAME = "inventory-agent"


def is_privileged() -> bool:
    """Whether this process is root or an administrator."""
    if sys.platform == "win32":
        import ctypes

        return bool(ctypes.windll.shell32.IsUserAnAdmin())
    return os.geteuid() == 0


def state_folder() -> Path:
    """The default folder of the machine's id, its key and its spool."""
    if sys.platform == "win32":
        return _program_data()
    if not is_privileged():
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        return Path(base) / NAME
    if sys.platform == "darwin":
        return Path("/Library/Application Support") / NAME
    return Path("/var/lib") / NAME


def ini_file() -> Path:
    """The default settings file."""
    if sys.platform == "win32":
        return _program_data() / "agent.ini"
    if sys.platform == "darwin":
        return Path("/Library/Application Support") / NAME / "agent.ini"
    return Path("/etc") / NAME / "agent.ini"


def _program_data() -> Path:
    return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "Inventory Hub Agent"
