"""Where the agent's files are: for the whole machine, or a person's own without the rights."""

import os
import sys
from pathlib import Path

NAME = "inventory-agent"


def privileged() -> bool:
    """Whether this process may write where the machine's own files are."""
    if sys.platform == "win32":
        import ctypes

        return bool(ctypes.windll.shell32.IsUserAnAdmin())
    return os.geteuid() == 0


def state_folder() -> Path:
    """Where the machine's id, its key and its spool are, unless a setting says otherwise."""
    if sys.platform == "win32":
        return _program_data()
    if not privileged():
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        return Path(base) / NAME
    if sys.platform == "darwin":
        return Path("/Library/Application Support") / NAME
    return Path("/var/lib") / NAME


def ini_file() -> Path:
    """Where the settings are, unless a setting says otherwise."""
    if sys.platform == "win32":
        return _program_data() / "agent.ini"
    if sys.platform == "darwin":
        return Path("/Library/Application Support") / NAME / "agent.ini"
    return Path("/etc") / NAME / "agent.ini"


def _program_data() -> Path:
    return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "Inventory Hub Agent"
