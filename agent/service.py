"""`install`, `uninstall` and `status`: the agent as a service of this system."""

import os
import shutil
import sys
from pathlib import Path
from types import ModuleType

from agent import paths, settings
from agent.cycle import may_send
from agent.settings import SettingsError
from agent.spool import waiting
from agent.state import State

RUNNING, STOPPED = 0, 3


def install() -> str:
    """Make the service with the settings of this process, or mend it; what to say.

    Raises:
        SettingsError: a setting is wrong, or this process may not.
    """
    _need_rights("install")
    system = _system()
    # What an earlier installation was given holds, unless it is said anew.
    found = settings.read({**system.kept_settings(), **os.environ}, Path.cwd())
    may_send(found, State(found.state_dir))
    return str(system.install(found, program()))


def uninstall() -> str:
    """Take the service away; settings, id and key stay. What to say."""
    _need_rights("uninstall")
    return str(_system().uninstall())


def status() -> tuple[int, str]:
    """The exit code and the words: does it run, where to, as whom, what waits."""
    system = _system()
    found = settings.read({**system.kept_settings(), **os.environ}, Path.cwd())
    running: str | None = system.running()
    state = State(found.state_dir)
    left = waiting(found.state_dir)
    lines = (
        f"service: {running or 'not running'}",
        f"server:  {found.url or 'not set'}",
        f"machine: {state.machine_id or 'no id yet, or not to be read by you'}",
        f"key:     {'its own' if state.key else 'none'}",
        f"waiting: {'unknown' if left is None else left} reports in {found.state_dir}",
    )
    return RUNNING if running else STOPPED, "\n".join(lines)


def program() -> list[str]:
    """How this program is called: the single file, at a place where it may stay, or our script.

    Raises:
        SettingsError: it is not installed.
    """
    if getattr(sys, "frozen", False):
        here = Path(sys.executable)
        if sys.platform == "win32":
            return [str(here)]
        target = Path("/usr/local/bin") / paths.NAME
        if here != target:
            beside = target.with_suffix(".new")
            shutil.copyfile(here, beside)
            beside.chmod(0o755)
            # Put in its place by its name: the old one may be running.
            beside.replace(target)
        return [str(target)]
    script = Path(sys.executable).with_name(f"{paths.NAME}{'.exe' * (sys.platform == 'win32')}")
    if not script.exists():
        raise SettingsError(f"{script} is missing: install the package first (pip install .).")
    return [str(script)]


def _system() -> ModuleType:
    if sys.platform == "win32":
        from agent import service_windows

        return service_windows
    if sys.platform == "darwin":
        from agent import service_macos

        return service_macos
    from agent import service_linux

    return service_linux


def _need_rights(command: str) -> None:
    if not paths.privileged():
        raise SettingsError(
            f"{command} changes the system: run it as administrator (sudo, or an elevated prompt), "
            "with the settings in its environment."
        )
