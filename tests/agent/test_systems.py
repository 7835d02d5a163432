"""Names and versions of operating systems, from the output of real machines."""

from pathlib import Path

import pytest

from agent.systems import linux_version, macos_version, windows_version

DEBIAN = """
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
ID=debian
"""
UBUNTU = 'NAME="Ubuntu"\nVERSION="24.04.1 LTS (Noble Numbat)"\nID=ubuntu\nVERSION_ID="24.04"\n'
ROCKY = "NAME='Rocky Linux'\nVERSION='9.4 (Blue Onyx)'\nID=rocky\n"
ALPINE = 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.1\n'
ARCH = '# rolling\nNAME="Arch Linux"\nID=arch\nBUILD_ID=rolling\n'
BROKEN = 'NAME="Half a name\n'


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"etc/os-release": DEBIAN}, "Debian GNU/Linux 12 (bookworm)"),
        ({"usr/lib/os-release": UBUNTU}, "Ubuntu 24.04.1 LTS (Noble Numbat)"),
        ({"etc/os-release": ROCKY}, "Rocky Linux 9.4 (Blue Onyx)"),
        ({"etc/os-release": ALPINE}, "Alpine Linux 3.20.1"),
        ({"etc/os-release": ARCH}, "Arch Linux"),
        ({"etc/os-release": "ID=thing\nVERSION_ID=7\n"}, "thing 7"),
        ({"etc/os-release": BROKEN}, '"Half a name'),
        (
            {"etc/lsb-release": 'DISTRIB_ID=Ubuntu\nDISTRIB_DESCRIPTION="Ubuntu 12.04 LTS"\n'},
            "Ubuntu 12.04 LTS",
        ),
        ({"etc/lsb-release": "DISTRIB_ID=Mint\nDISTRIB_RELEASE=17\n"}, "Mint 17"),
        ({"etc/redhat-release": "CentOS release 6.10 (Final)\n"}, "CentOS release 6.10 (Final)"),
        ({"etc/os-release": ""}, "Linux 6.1.0-18-amd64"),
        ({}, "Linux 6.1.0-18-amd64"),
    ],
)
def test_linux_version_names_the_distribution(
    tmp_path: Path, files: dict[str, str], expected: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert linux_version(tmp_path, lambda: "6.1.0-18-amd64") == expected


def test_macos_version_names_the_product_not_the_kernel() -> None:
    text = "ProductName:\t\tmacOS\nProductVersion:\t\t14.5\nBuildVersion:\t\t23F79\n"
    assert macos_version(text) == "macOS 14.5 (23F79)"
    old = "ProductName:\tMac OS X\nProductVersion:\t10.13.6\nBuildVersion:\t17G66\n"
    assert macos_version(old) == "Mac OS X 10.13.6 (17G66)"
    with pytest.raises(KeyError):
        macos_version("command not found")


@pytest.mark.parametrize(
    ("product", "build", "server", "expected"),
    [
        ("Windows 10 Pro", 19045, False, "Windows 10 Pro (build 19045)"),
        ("Windows 10 Pro", 21999, False, "Windows 10 Pro (build 21999)"),
        ("Windows 10 Pro", 22000, False, "Windows 11 Pro (build 22000)"),
        ("Windows 10 Enterprise LTSC", 26100, False, "Windows 11 Enterprise LTSC (build 26100)"),
        ("Windows 11 Home", 22631, False, "Windows 11 Home (build 22631)"),
        ("Windows 8.1 Pro", 9600, False, "Windows 8.1 Pro (build 9600)"),
        ("", 26100, False, "Windows 11 (build 26100)"),
        ("", 19045, False, "Windows 10 (build 19045)"),
        ("", 7601, False, "Windows 7 (build 7601)"),
        ("Windows Server 2016 Standard", 14393, True, "Windows Server 2016 Standard (build 14393)"),
        ("Windows Server 2019 Standard", 17763, True, "Windows Server 2019 Standard (build 17763)"),
        ("Windows Server 2022 Standard", 20348, True, "Windows Server 2022 Standard (build 20348)"),
        ("Windows Server 2025 Standard", 26100, True, "Windows Server 2025 Standard (build 26100)"),
        ("", 14393, True, "Windows Server 2016 (build 14393)"),
        ("", 17763, True, "Windows Server 2019 (build 17763)"),
        ("", 20348, True, "Windows Server 2022 (build 20348)"),
        ("", 25398, True, "Windows Server 23H2 (build 25398)"),
        ("", 26100, True, "Windows Server 2025 (build 26100)"),
        ("", 9600, True, "Windows Server 2012 R2 (build 9600)"),
        ("Hyper-V", 20348, True, "Windows Server 2022 (build 20348)"),
    ],
)  # fmt: skip
def test_windows_version_names_product_and_build(
    product: str, build: int, server: bool, expected: str
) -> None:
    assert windows_version(product, build, server) == expected
