"""The agent as a Windows service, with pywin32. Imported on Windows only."""

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence

import pywintypes
import servicemanager
import win32service
import win32serviceutil
import winerror

from agent import paths, settings_files
from agent.settings import Settings

assert sys.platform == "win32"

NAME, LABEL = "InventoryHubAgent", "Inventory Hub agent"
SYSTEM, ADMINISTRATORS = "*S-1-5-18", "*S-1-5-32-544"
STOP_SECONDS = 2.0


def installed_settings() -> Mapping[str, str]:
    """{}: `settings.load` reads the ini file anyway."""
    return {}


def install(settings: Settings, command: Sequence[str]) -> str:
    """Write the settings, create or update the service and start it; returns the message for the
    user."""
    folder = paths.ini_file().parent
    folder.mkdir(parents=True, exist_ok=True)
    # ProgramData is readable by all users unless the folder has its own ACL.
    grants = [f"{who}:(OI)(CI)F" for who in (SYSTEM, ADMINISTRATORS)]
    _run("icacls", str(folder), "/inheritance:r", "/grant:r", *grants)
    explicit = {**settings.explicit, "INVENTORY_HUB_URL": settings.server}
    settings_files.write_private(paths.ini_file(), settings_files.format_ini(explicit))
    line = subprocess.list2cmdline([*command, "service"])
    manager = win32service.OpenSCManager(None, None, win32service.SC_MANAGER_ALL_ACCESS)
    try:
        try:
            handle = win32service.CreateService(
                manager, NAME, LABEL, win32service.SERVICE_ALL_ACCESS,
                win32service.SERVICE_WIN32_OWN_PROCESS, win32service.SERVICE_AUTO_START,
                win32service.SERVICE_ERROR_NORMAL, line, None, False, None, None, None,
            )  # fmt: skip
        except pywintypes.error as error:
            if error.winerror != winerror.ERROR_SERVICE_EXISTS:
                raise
            handle = win32service.OpenService(manager, NAME, win32service.SERVICE_ALL_ACCESS)
            win32service.ChangeServiceConfig(
                handle, win32service.SERVICE_NO_CHANGE, win32service.SERVICE_AUTO_START,
                win32service.SERVICE_NO_CHANGE, line, None, False, None, None, None, LABEL,
            )  # fmt: skip
        win32service.CloseServiceHandle(handle)
    finally:
        win32service.CloseServiceHandle(manager)
    _run("sc.exe", "description", NAME, "Reports this machine to Inventory Hub.")
    _run("sc.exe", "failure", NAME, "reset=", "86400", "actions=", "restart/30000")
    if running_state():
        win32serviceutil.RestartService(NAME)
    else:
        win32serviceutil.StartService(NAME)
    return f"The service {NAME} runs with {paths.ini_file()}; agent.log beside it is what it says."


def uninstall() -> str:
    """Stop and remove the service; returns the message for the user."""
    try:
        if running_state():
            win32serviceutil.StopService(NAME)
        win32serviceutil.RemoveService(NAME)
    except pywintypes.error as error:
        if error.winerror != winerror.ERROR_SERVICE_DOES_NOT_EXIST:
            raise
        return "The service was not installed."
    return f"Removed {NAME}. Settings and the machine's id in {paths.ini_file().parent} stay."


def running_state() -> str | None:
    """The state to show, None when it does not run."""
    try:
        state = win32serviceutil.QueryServiceStatus(NAME)[1]
    except pywintypes.error:
        return None
    return "running (Windows service)" if state == win32service.SERVICE_RUNNING else None


def serve(work: Callable[[threading.Event], None]) -> None:
    """Run as the service until stopped; called by Windows' service control manager only."""
    stop = threading.Event()

    class Service(win32serviceutil.ServiceFramework):  # type: ignore[misc]
        _svc_name_ = NAME
        _svc_display_name_ = LABEL

        def SvcStop(self) -> None:
            self.ReportServiceStatus(win32service.SERVICE_STOP_PENDING)
            stop.set()

        SvcShutdown = SvcStop

        def SvcDoRun(self) -> None:
            servicemanager.LogInfoMsg(f"{LABEL} starts.")
            thread = threading.Thread(target=work, args=(stop,), daemon=True)
            thread.start()
            while thread.is_alive() and not stop.is_set():
                thread.join(1.0)
            # A hanging system call is abandoned: no report is lost with it.
            thread.join(STOP_SECONDS)

    servicemanager.Initialize()
    servicemanager.PrepareToHostSingle(Service)
    servicemanager.StartServiceCtrlDispatcher()


def _run(*words: str) -> None:
    subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=True)
