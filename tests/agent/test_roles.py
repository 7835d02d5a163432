"""What the agent finds out about a Linux machine's role, in folders like those of real machines."""

from pathlib import Path

import pytest

from agent.roles import default_target, has_desktop, linux_chassis, linux_product_type

UBUNTU = 'NAME="Ubuntu"\nVERSION_ID="24.04"\nVERSION="24.04.1 LTS (Noble Numbat)"\nID=ubuntu\n'
FEDORA = 'NAME="Fedora Linux"\nVERSION="41 (Server Edition)"\nID=fedora\nVARIANT_ID=server\n'
SILVERBLUE = "ID=fedora\nVARIANT_ID=silverblue\n"
GRAPHICAL = "usr/lib/systemd/system/default.target -> graphical.target"
TEXT = "etc/systemd/system/default.target -> /usr/lib/systemd/system/multi-user.target"
MANAGER = "etc/systemd/system/display-manager.service -> /usr/lib/systemd/system/gdm.service"


def machine(root: Path, *links: str, **files: str) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    for link in links:
        path, _, target = link.partition(" -> ")
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(target)
    return root


@pytest.mark.parametrize(
    ("links", "files", "found"),
    [
        ((), {}, (None, None, None, False)),
        # As Ubuntu's server edition is: the same name and target as on its desktops.
        ((GRAPHICAL,), {"etc/os-release": UBUNTU}, (None, None, "graphical.target", False)),
        (
            (GRAPHICAL, MANAGER),
            {"etc/os-release": UBUNTU, "sys/class/dmi/id/chassis_type": "10\n"},
            (None, "laptop", "graphical.target", True),
        ),
        (
            (GRAPHICAL, TEXT),
            {"usr/lib/os-release": FEDORA, "sys/class/dmi/id/chassis_type": "23\n"},
            ("server", "server", "multi-user.target", False),
        ),
        (
            ("etc/systemd/system/default.target -> /lib/systemd/system/runlevel5.target",),
            {
                "etc/os-release": SILVERBLUE, "sys/class/dmi/id/chassis_type": "3",
                "etc/machine-info": "CHASSIS=convertible\n",
                "usr/share/wayland-sessions/gnome.desktop": "",
            },
            (None, "convertible", "graphical.target", True),
        ),
        ((), {"sys/class/dmi/id/chassis_type": "1\n"}, (None, None, None, False)),
    ],
)  # fmt: skip
def test_role_of_a_linux_machine(
    tmp_path: Path, links: tuple[str, ...], files: dict[str, str], found: tuple[object, ...]
) -> None:
    root = machine(tmp_path, *links, **files)
    assert found == (
        linux_product_type(root), linux_chassis(root), default_target(root), has_desktop(root),
    )  # fmt: skip
