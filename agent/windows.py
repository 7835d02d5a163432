"""Facts from WMI and the registry, with pywin32. Imported on Windows only."""

import sys
import winreg
from functools import cache
from typing import Any

import pythoncom
import win32com.client

assert sys.platform == "win32"

_VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_PRODUCT = r"SYSTEM\CurrentControlSet\Control\ProductOptions"
_PRODUCT_TYPES = {"WinNT": "workstation", "ServerNT": "server", "LanmanNT": "domain_controller"}
_TATUSCAN = r"SYSTEM\CurrentControlSet\Services\TatuScanAgent"


def query(wql: str) -> list[dict[str, Any]]:
    """The rows of a WMI query "SELECT column, column FROM table"."""
    pythoncom.CoInitialize()
    service = win32com.client.GetObject(r"winmgmts:root\cimv2")
    columns = [name.strip(" ,") for name in wql.partition(" FROM ")[0].split()[1:]]
    return [{name: getattr(row, name) for name in columns} for row in service.ExecQuery(wql)]


def network_adapters() -> list[dict[str, Any]]:
    """The network adapters that have a MAC."""
    return query(
        "SELECT Name, Description, MACAddress, NetEnabled, PhysicalAdapter "
        "FROM Win32_NetworkAdapter WHERE MACAddress IS NOT NULL"
    )


@cache
def bios_serial() -> str | None:
    """The maker's serial number."""
    return _one("SELECT SerialNumber FROM Win32_BIOS")


@cache
def manufacturer() -> str | None:
    return _one("SELECT Manufacturer FROM Win32_ComputerSystem")


@cache
def model() -> str | None:
    return _one("SELECT Model FROM Win32_ComputerSystem")


def product() -> tuple[str, int, bool]:
    """ProductName, build, and whether it is a server edition."""
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _VERSION) as key:
        build = int(_text(key, "CurrentBuildNumber"))
        server = _text(key, "InstallationType").startswith("Server")
        return _text(key, "ProductName"), build, server


def product_type() -> str | None:
    """workstation, server or domain_controller."""
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _PRODUCT) as key:
        return _PRODUCT_TYPES.get(_text(key, "ProductType"))


@cache
def chassis_type() -> int:
    """The firmware's type of the case, 0 if it has none."""
    (types,) = query("SELECT ChassisTypes FROM Win32_SystemEnclosure")[0].values()
    return int(types[0]) if types else 0


def tatuscan_is_installed() -> bool:
    """Whether TatuScan's service is registered."""
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _TATUSCAN):
            return True
    except FileNotFoundError:
        return False


def _one(wql: str) -> str | None:
    (value,) = query(wql)[0].values()
    return None if value is None else str(value)


def _text(key: Any, name: str) -> str:
    try:
        return str(winreg.QueryValueEx(key, name)[0])
    except FileNotFoundError:
        return ""
