"""The agent as a launchd daemon."""

import plistlib
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent import paths, settings_files
from agent.settings import CONFIG, Settings

LABEL = "com.inventory-hub.agent"
PLIST = Path("/Library/LaunchDaemons") / f"{LABEL}.plist"
LOG = Path("/Library/Logs") / f"{paths.NAME}.log"


def plist(command: Sequence[str]) -> bytes:
    """The launchd job that runs `command`. It is world-readable, so the settings are in a file."""
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": list(command),
            "EnvironmentVariables": {CONFIG: str(paths.ini_file())},
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 30,
            "ProcessType": "Background",
            "Umask": 0o077,
            "StandardErrorPath": str(LOG),
        }
    )


def installed_settings() -> Mapping[str, str]:
    """{}: `settings.load` reads the ini file anyway."""
    return {}


def install(settings: Settings, command: Sequence[str]) -> str:
    """Write the settings and the job and start it; returns the message for the user."""
    explicit = {**settings.explicit, "INVENTORY_HUB_URL": settings.server}
    settings_files.write_private(paths.ini_file(), settings_files.format_ini(explicit))
    PLIST.write_bytes(plist(command))
    PLIST.chmod(0o644)
    _launchctl("bootout", f"system/{LABEL}", check=False)
    _launchctl("bootstrap", "system", str(PLIST))
    return f"Wrote {PLIST} and {paths.ini_file()}. The service runs; {LOG} shows what it says."


def uninstall() -> str:
    """Stop it and remove the job; returns the message for the user."""
    if not PLIST.exists():
        return "The service was not installed."
    _launchctl("bootout", f"system/{LABEL}", check=False)
    PLIST.unlink()
    return f"Removed {PLIST}. The settings and the machine's id in {paths.ini_file().parent} stay."


def running_state() -> str | None:
    """The state to show, None when it does not run."""
    done = _launchctl("print", f"system/{LABEL}", check=False)
    return "running (launchd)" if "state = running" in done.stdout else None


def _launchctl(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["launchctl", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=check
    )
