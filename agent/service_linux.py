"""The agent as a systemd service with minimal privileges."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent import paths, settings_files
from agent.settings import Settings

UNIT = f"etc/systemd/system/{paths.NAME}.service"
SETTINGS = f"etc/{paths.NAME}/agent.env"
STATE = Path("/var/lib") / paths.NAME

# Root without any capability: root owns the files in /sys that have the serial number.
_UNIT = """\
[Unit]
Description=Inventory Hub agent: reports this machine
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart={command}
EnvironmentFile=/{settings}
Restart=always
RestartSec=30
# 2 is a wrong setting: trying again does not mend it.
RestartPreventExitStatus=2
{state}
UMask=0077
CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def unit(command: Sequence[str], state_dir: Path) -> str:
    """The text of the unit that runs `command`."""
    words = " ".join(_quoted(word) for word in command)
    if state_dir == STATE:
        state = f"StateDirectory={paths.NAME}\nStateDirectoryMode=0700"
    else:
        state = f"ReadWritePaths={_quoted(str(state_dir))}"
    return _UNIT.format(command=words, settings=SETTINGS, state=state)


def installed_settings(root: Path = Path("/")) -> Mapping[str, str]:
    """The settings of an earlier installation, {} if this user may not read them."""
    try:
        return settings_files.read_dotenv(root / SETTINGS)
    except PermissionError:
        return {}


def install(settings: Settings, command: Sequence[str], root: Path = Path("/")) -> str:
    """Write the settings and the unit and start it; returns the message for the user."""
    explicit = {**settings.explicit, "INVENTORY_HUB_URL": settings.server}
    settings_files.write_private(root / SETTINGS, settings_files.format_dotenv(explicit))
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = root / UNIT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(unit(command, settings.state_dir), encoding="utf-8")
    path.chmod(0o644)
    written = f"Wrote {path} and, for root only, {root / SETTINGS}."
    if not _systemd_runs(root):
        return (
            f"{written} systemd does not run here: "
            f"start the service with systemctl enable --now {paths.NAME} where it does."
        )
    _systemctl("daemon-reload")
    _systemctl("enable", paths.NAME)
    _systemctl("restart", paths.NAME)
    return f"{written} The service runs; journalctl -u {paths.NAME} shows what it says."


def uninstall(root: Path = Path("/")) -> str:
    """Stop it and remove the unit; returns the message for the user."""
    path = root / UNIT
    if not path.exists():
        return "The service was not installed."
    if _systemd_runs(root):
        _systemctl("disable", "--now", paths.NAME)
    path.unlink()
    if _systemd_runs(root):
        _systemctl("daemon-reload")
    return (
        f"Removed {path}. The settings in {root / SETTINGS} and the machine's id in {STATE} stay: "
        "remove them yourself if it shall never come back."
    )


def running_state(root: Path = Path("/")) -> str | None:
    """The state to show, None when it does not run."""
    if not (_systemd_runs(root) and (root / UNIT).exists()):
        return None
    done = subprocess.run(["systemctl", "is-active", "--quiet", paths.NAME], check=False)
    return "running (systemd)" if done.returncode == 0 else None


def _systemd_runs(root: Path) -> bool:
    return (root / "run/systemd/system").is_dir()


def _systemctl(*words: str) -> None:
    subprocess.run(["systemctl", "--quiet", *words], stdin=subprocess.DEVNULL, check=True)


def _quoted(word: str) -> str:
    word = word.replace("\\", r"\\").replace('"', r"\"").replace("%", "%%").replace("$", "$$")
    return f'"{word}"' if " " in word else word
