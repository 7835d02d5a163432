"""`install`, `uninstall` and `status` of the agent as a system service."""

import os
import shutil
import sys
from pathlib import Path
from types import ModuleType

from agent import paths, settings
from agent.loop import check_transport
from agent.settings import SettingsError
from agent.spool import count_waiting
from agent.state import State

EXIT_RUNNING, EXIT_STOPPED = 0, 3


def install() -> str:
    """Create or update the service with this process's settings; returns the message for the user.

    Raises:
        SettingsError: a setting is wrong, or this process lacks privileges.
    """
    _require_privileges("install")
    system = _platform_service()
    # Settings of an earlier installation stay unless they are given anew.
    configured = settings.load({**system.installed_settings(), **os.environ}, Path.cwd())
    check_transport(configured, State(configured.state_dir))
    return str(system.install(configured, program_command()))


def uninstall() -> str:
    """Remove the service, not its settings, id and key; returns the message for the user."""
    _require_privileges("uninstall")
    return str(_platform_service().uninstall())


def status() -> tuple[int, str]:
    """The exit code and the text to print."""
    system = _platform_service()
    configured = settings.load({**system.installed_settings(), **os.environ}, Path.cwd())
    running: str | None = system.running_state()
    state = State(configured.state_dir)
    left = count_waiting(configured.state_dir)
    lines = (
        f"service: {running or 'not running'}",
        f"server:  {configured.url or 'not set'}",
        f"machine: {state.machine_id or 'no id yet, or not to be read by you'}",
        f"key:     {'its own' if state.key else 'none'}",
        f"waiting: {'unknown' if left is None else left} reports in {configured.state_dir}",
    )
    return EXIT_RUNNING if running else EXIT_STOPPED, "\n".join(lines)


def program_command() -> list[str]:
    """The command that starts the agent: the script, or the single file, copied to where it stays.

    Raises:
        SettingsError: it is not installed.
    """
    if getattr(sys, "frozen", False):
        here = Path(sys.executable)
        if sys.platform == "win32":
            return [str(here)]
        target = Path("/usr/local/bin") / paths.NAME
        if here != target:
            temporary = target.with_suffix(".new")
            shutil.copyfile(here, temporary)
            temporary.chmod(0o755)
            # Renamed into place: the old one may be running.
            temporary.replace(target)
        return [str(target)]
    script = Path(sys.executable).with_name(f"{paths.NAME}{'.exe' * (sys.platform == 'win32')}")
    if not script.exists():
        raise SettingsError(f"{script} is missing: install the package first (pip install .).")
    return [str(script)]


def _platform_service() -> ModuleType:
    if sys.platform == "win32":
        from agent import service_windows

        return service_windows
    if sys.platform == "darwin":
        from agent import service_macos

        return service_macos
    from agent import service_linux

    return service_linux


def _require_privileges(command: str) -> None:
    if not paths.is_privileged():
        raise SettingsError(
            f"{command} changes the system: run it as administrator (sudo, or an elevated prompt), "
            "with the settings in its environment."
        )
