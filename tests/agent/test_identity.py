"""Machine ids: equal to TatuScan's for the same hardware, and permanent."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from agent.identity import id_from_adapters, id_from_interfaces, id_from_macs
from agent.interfaces import Interface, first_address, is_virtual, physical_macs
from agent.loop import ensure_machine_id
from agent.state import State
from tests.support.network_cards import BROADCOM, INTEL, ONE, TWO

TWICE = "458f45c139e019e6069c871db0107d8e57786b96cd568a37abe089947121b3c9"


def nic(name: str = "enp3s0", mac: str = INTEL, **differing: Any) -> Interface:
    return Interface(name, mac, **{"ipv4": ("198.51.100.7",), **differing})


def test_ids_equal_those_of_tatuscan() -> None:
    assert id_from_macs([INTEL]) == ONE
    assert id_from_macs([INTEL, BROADCOM]) == id_from_macs([BROADCOM, INTEL]) == TWO
    assert id_from_macs([INTEL, INTEL]) == TWICE
    assert id_from_interfaces([nic(), nic("enp4s0", BROADCOM)]) == TWO


@pytest.mark.parametrize(
    "other",
    [
        nic("enp4s0", BROADCOM, up=False),
        nic("enp4s0", BROADCOM, ipv4=()),
        nic("enp4s0", BROADCOM, loopback=True),
        nic("bond0", BROADCOM, virtual=True),
        nic("eth0", "02:fc:00:00:00:01"),
        nic("eth0", "52:54:00:00:00:01"),
        nic("eth0", "00:00:00:00:00:00"),
        nic("tun0", ""),
        nic("", BROADCOM),
    ],
)
def test_interfaces_that_tatuscan_ignores_are_ignored(other: Interface) -> None:
    assert id_from_interfaces([nic(), other]) == ONE
    assert id_from_interfaces([other]) is None


def test_interface_is_virtual_by_kernel_or_name(tmp_path: Path) -> None:
    (tmp_path / "devices/virtual/net/bond0").mkdir(parents=True)
    (tmp_path / "devices/pci0/net/enp3s0").mkdir(parents=True)
    net = tmp_path / "class"
    net.mkdir()
    (net / "bond0").symlink_to(tmp_path / "devices/virtual/net/bond0")
    (net / "enp3s0").symlink_to(tmp_path / "devices/pci0/net/enp3s0")
    assert is_virtual("bond0", net)
    assert not is_virtual("enp3s0", net)
    assert not is_virtual("enp9s0", net), "not in this /sys at all"
    for name in ("docker0", "veth12ab", "br-77", "TAP-Windows", "vEthernet (Hyper-V)", "wg0"):
        assert is_virtual(name, net), name
    assert not is_virtual("br0", net), "only a kernel that has it tells that it is one"


def test_address_is_the_first_of_the_first_interface_with_one() -> None:
    down = nic("enp2s0", BROADCOM, up=False, ipv4=("192.0.2.1",))
    both = nic("enp4s0", BROADCOM, ipv4=("203.0.113.9", "203.0.113.10"))
    assert first_address([down, nic(ipv4=()), both, nic()]) == "203.0.113.9"
    assert first_address([down]) is None


def test_mac_list_includes_hardware_that_is_down_or_locally_administered() -> None:
    found = physical_macs(
        [nic(), nic("eth0", "02:fc:00:00:00:01", up=False), nic("br0", virtual=True)]
    )
    assert found == [INTEL, "02:fc:00:00:00:01"]
    assert len(physical_macs(nic(mac=f"00:00:00:00:01:{n:02x}") for n in range(200))) == 64


def adapter(mac: str | None, **differing: Any) -> dict[str, Any]:
    return {
        "Name": "Intel(R) Ethernet", "Description": "Intel(R) Ethernet", "MACAddress": mac,
        "NetEnabled": True, "PhysicalAdapter": True, **differing,
    }  # fmt: skip


def test_windows_id_keeps_tatuscans_case_only_where_it_is_installed() -> None:
    rows = [adapter("00:1B:21:12:34:56"), adapter("00-0A-F7-00-00-01")]
    assert id_from_adapters(rows, upper_case=False) == TWO
    assert id_from_adapters(rows, upper_case=True) == id_from_macs(
        ["00:0A:F7:00:00:01", "00:1B:21:12:34:56"]
    )
    left_out = [
        adapter(None),
        adapter(BROADCOM, Name="vEthernet (Hyper-V Virtual Switch)"),
        adapter(BROADCOM, Description="TAP-Windows Adapter V9"),
        adapter(BROADCOM, NetEnabled=False),
        adapter(BROADCOM, PhysicalAdapter=False),
        adapter("02:00:00:00:00:01"),
    ]
    assert id_from_adapters([rows[0], *left_out], upper_case=False) == ONE
    assert id_from_adapters(left_out, upper_case=False) is None
    assert id_from_adapters([adapter(INTEL, NetEnabled=None)], upper_case=False) == ONE


class Waiting(threading.Event):
    """An event for which nobody waits long; `waited` is how long they would have."""

    waited = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.waited += timeout or 0.0
        return self.is_set()


def test_id_never_changes_after_the_first_start(tmp_path: Path) -> None:
    stop = Waiting()
    assert ensure_machine_id(State(tmp_path), stop, detect=lambda: (ONE, True)) == ONE
    assert ensure_machine_id(State(tmp_path), stop, detect=lambda: (TWO, True)) == ONE
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


def test_first_start_waits_for_the_network_up_to_a_limit(tmp_path: Path) -> None:
    stop = Waiting()
    answers = iter([(None, True), (None, True), (ONE, True)])
    assert ensure_machine_id(State(tmp_path), stop, detect=lambda: next(answers)) == ONE
    assert stop.waited == 10
    (tmp_path / "other").mkdir()
    assert (
        len(ensure_machine_id(State(tmp_path / "other"), stop, detect=lambda: (None, True))) == 64
    )
    assert stop.waited == 70


def test_machine_without_acceptable_mac_keeps_a_random_id(tmp_path: Path) -> None:
    stop = Waiting()
    found = ensure_machine_id(State(tmp_path), stop, detect=lambda: (None, False))
    assert len(found) == 64 and set(found) <= set("0123456789abcdef")
    assert ensure_machine_id(State(tmp_path), stop, detect=lambda: (None, False)) == found
    (tmp_path / "other").mkdir()
    assert ensure_machine_id(State(tmp_path / "other"), stop, detect=lambda: (None, False)) != found
    assert stop.waited == 0


@pytest.mark.parametrize(
    "torn",
    ["", "{", "[]", '{"machine_id": "x", "key": null}', f'{{"machine_id": "{ONE}"}}', "\0" * 100],
)
def test_damaged_state_is_set_aside_and_logged(
    tmp_path: Path, torn: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state.json").write_text(torn)
    state = State(tmp_path)
    assert (state.machine_id, state.key) == (None, None)
    assert "damaged" in caplog.text
    assert (tmp_path / "state.damaged").read_text() == torn
    state.machine_id, state.key = ONE, "secret"
    state.save()
    assert State(tmp_path).key == "secret"
    assert json.loads((tmp_path / "state.json").read_text()) == {"machine_id": ONE, "key": "secret"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.damaged", "state.json"]
