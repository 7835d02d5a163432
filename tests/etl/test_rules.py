"""The business rules as tables: input, verdict and reason."""

import re
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.rules import Rules, from_environment
from db.settings import load
from db.site_names import LEGAL_FORMS, match_name
from etl.records.record import Record
from etl.records.states import DeviceState, evaluate_record
from etl.rules.billing import STATUSES
from etl.rules.device_type import TYPES, RoleFacts, device_type
from etl.rules.evidence import (
    Identity,
    host_key,
    identifying_host,
    real_serial,
    serials_contradict,
)
from etl.rules.linking_rules import find_links
from etl.rules.macs import normalise_mac, split_macs
from etl.rules.past_links import NamedRecord, PastLink, why_unfounded

FIRST = Rules(1)
MANAGED = "managed by its source and not spare"


class Device(NamedTuple):
    node_class: str | None = None
    os: str | None = None
    display_name: str | None = None
    location: str | None = None
    unmanaged: str | None = None


WIN11 = "Windows 11 Professional Edition"

# device -> type, billing status, reason
GOLDEN: list[tuple[Device, str, str, str]] = [
    # NinjaRMM: the node class decides.
    (Device("WINDOWS_SERVER", "Windows Server 2022"), "server", "billable", MANAGED),
    (Device("LINUX_SERVER", "Ubuntu 24.04"), "server", "billable", MANAGED),
    (Device("MAC_SERVER", "macOS 14"), "server", "billable", MANAGED),
    (Device("VMWARE_VM_HOST", "VMware ESXi 8"), "server", "billable", MANAGED),
    (Device("HYPERV_VMM_HOST"), "server", "billable", MANAGED),
    (Device("WINDOWS_WORKSTATION", WIN11), "workstation", "billable", MANAGED),
    (Device("MAC", "macOS 15"), "workstation", "billable", MANAGED),
    (Device("LINUX_WORKSTATION", "Debian GNU/Linux 12"), "workstation", "billable", MANAGED),
    (Device("CHROMEOS"), "workstation", "billable", MANAGED),
    (Device("VMWARE_VM_GUEST"), "vm_guest", "spare", "node class is VMWARE_VM_GUEST"),
    (Device("HYPERV_VMM_GUEST"), "vm_guest", "billable", MANAGED),
    (Device("ANDROID"), "mobile", "billable", MANAGED),
    (Device("AOSP"), "mobile", "billable", MANAGED),
    (Device("APPLE_IOS"), "mobile", "billable", MANAGED),
    (Device("APPLE_IPADOS"), "mobile", "billable", MANAGED),
    (Device("NMS_SWITCH"), "network", "billable", MANAGED),
    (Device("NMS_FIREWALL"), "network", "billable", MANAGED),
    (Device("NMS_NOBODY_HEARD_OF_THIS_ONE"), "network", "billable", MANAGED),
    (Device("CLOUD_MONITOR_TARGET"), "other", "billable", MANAGED),
    (Device("MANAGED_DEVICE"), "other", "billable", MANAGED),
    (Device("UNMANAGED_DEVICE"), "other", "billable", MANAGED),
    # A class that the vendor invents tomorrow is shown, and no workstation.
    (Device("QUANTUM_BOX", WIN11), "unknown", "billable", MANAGED),
    # The class is right where the system's name would mislead.
    (Device("WINDOWS_WORKSTATION", "Windows Server 2019"), "workstation", "billable", MANAGED),
    (Device("WINDOWS_SERVER", "Windows 10"), "server", "billable", MANAGED),
    # ThreatLocker and the agent have no class: the name of the system decides.
    (Device(None, "Windows Server 2016 Standard"), "server", "billable", MANAGED),
    (Device(None, "windows sERVER 2025"), "server", "billable", MANAGED),
    (Device(None, WIN11), "workstation", "billable", MANAGED),
    (Device(None, "macOS Sonoma 14.5"), "workstation", "billable", MANAGED),
    (Device(None, "Mac OS X 10.15"), "workstation", "billable", MANAGED),
    (Device(None, "Ubuntu 24.04.1 LTS"), "unknown", "billable", MANAGED),
    (Device(None, "Ubuntu Server 22.04"), "server", "billable", MANAGED),
    (Device(None, "FreeRTOS 11"), "unknown", "billable", MANAGED),
    (Device(), "unknown", "billable", MANAGED),
    # A name of a machine tells no type: ADCOCK is no domain controller, WEBER no web server.
    (Device(None, None, "ADCOCK-SRV-SQL-DC01"), "unknown", "billable", MANAGED),
    # Spare: by display name, by location, by class.
    (
        Device("WINDOWS_WORKSTATION", WIN11, "SPARE-07"),
        "workstation", "spare", 'display name "SPARE-07" contains "spare"',
    ),
    (
        Device("WINDOWS_SERVER", None, "Laptop (Spare)"),
        "server", "spare", 'display name "Laptop (Spare)" contains "spare"',
    ),
    (
        Device("MAC", None, None, "Spare closet"),
        "workstation", "spare", 'location "Spare closet" contains "spare"',
    ),
    (
        # Exactly as the seed says: it contains the word, be it inside another.
        Device("MAC", None, "Transparent kiosk"),
        "workstation", "spare", 'display name "Transparent kiosk" contains "spare"',
    ),
    (
        Device(None, WIN11, "spare-laptop-3"),
        "workstation", "spare", 'display name "spare-laptop-3" contains "spare"',
    ),
    (
        Device("VMWARE_VM_GUEST", None, "Spare VM", "Spare closet"),
        "vm_guest", "spare", 'display name "Spare VM" contains "spare"',
    ),
    # What its source does not manage is excluded, spare or not.
    (
        Device("WINDOWS_WORKSTATION", WIN11, "SPARE-08", None, "approval status is PENDING"),
        "workstation", "excluded", "approval status is PENDING",
    ),
    (
        Device("VMWARE_VM_GUEST", None, None, None, "approval status is DECOMMISSIONED"),
        "vm_guest", "excluded", "approval status is DECOMMISSIONED",
    ),
    (
        Device(None, WIN11, None, None, "deleted in ThreatLocker"),
        "workstation", "excluded", "deleted in ThreatLocker",
    ),
]  # fmt: skip


def classified(device: Device, rules: Rules = FIRST, internal: str | None = None) -> DeviceState:
    record = Record("1", "7", "Harbor Dental", {}, **device._asdict())
    return evaluate_record("ninja", record, rules, (), {"7": internal} if internal else {})


@pytest.mark.parametrize(("device", "kind", "status", "reason"), GOLDEN)
def test_every_device_of_the_golden_table_is_classified_as_written(
    device: Device, kind: str, status: str, reason: str
) -> None:
    state = classified(device)

    assert (state.device_type, state.billing_status, state.reason) == (kind, status, reason)
    assert state.type_reason


def test_the_golden_table_covers_every_type_and_status() -> None:
    assert {kind for _, kind, _, _ in GOLDEN} == set(TYPES)
    assert {status for _, _, status, _ in GOLDEN} == set(STATUSES)


@pytest.mark.parametrize(
    ("node_class", "os", "reason"),
    [
        ("NMS_SWITCH", None, "node class is NMS_SWITCH"),
        ("QUANTUM_BOX", WIN11, "node class QUANTUM_BOX is not known"),
        (None, "Windows Server 2022", "operating system is Windows Server 2022"),
        (None, "FreeRTOS 11", "operating system FreeRTOS 11 tells no type"),
        (None, None, "the source names neither a class nor an operating system"),
    ],
)
def test_the_reason_of_a_type_names_its_origin(
    node_class: str | None, os: str | None, reason: str
) -> None:
    assert device_type(node_class, os).reason == reason


UBUNTU, GRAPHICAL, TEXT = (
    "Ubuntu 24.04.1 LTS (Noble Numbat)",
    "graphical.target",
    "multi-user.target",
)


@pytest.mark.parametrize(
    ("os", "role", "kind"),
    [
        # A distribution's name is no role, whatever distribution.
        *((name, RoleFacts("linux"), "unknown") for name in (
            UBUNTU, "Debian GNU/Linux 12 (bookworm)", "Fedora Linux 41", "Linux Mint 22",
            "Pop!_OS 22.04 LTS", "Arch Linux", "openSUSE Tumbleweed", "Manjaro Linux",
        )),
        ("Ubuntu 24.04.1 LTS", None, "unknown"), ("Debian GNU/Linux 12", None, "unknown"),
        ("Ubuntu Server 22.04", None, "server"), ("Fedora 41 (Server Edition)", None, "server"),
        # macOS, whatever its version is called.
        ("Linux 23.5.0", RoleFacts("darwin"), "workstation"),
        ("macOS Server 5.12", RoleFacts("darwin"), "workstation"),
        (None, RoleFacts("darwin"), "workstation"), ("macOS 14.5 (23F79)", None, "workstation"),
        ("Darwin 23.5.0", None, "workstation"), ("darwin", None, "workstation"),
        ("Windows 10", RoleFacts("windows"), "workstation"),
        ("Unknown", RoleFacts("windows"), "workstation"),
        ("Windows Server 2022 Standard", RoleFacts("windows"), "server"),
        # The edition's role.
        ("Windows 10", RoleFacts("windows", "server"), "server"),
        ("Windows", RoleFacts("windows", "domain_controller"), "server"),
        ("Windows 11 Pro", RoleFacts("windows", "workstation", "server"), "workstation"),
        (UBUNTU, RoleFacts("linux", "server", "laptop", GRAPHICAL, True), "server"),
        # The case, where it tells.
        (UBUNTU, RoleFacts("linux", None, "laptop", TEXT, False), "workstation"),
        (UBUNTU, RoleFacts("linux", None, "server", GRAPHICAL, True), "server"),
        # A desktop that is started. Debian and Ubuntu start graphical.target on servers too.
        (UBUNTU, RoleFacts("linux", None, "vm", GRAPHICAL, True), "workstation"),
        (UBUNTU, RoleFacts("linux", None, None, GRAPHICAL, False), "server"),
        (UBUNTU, RoleFacts("linux", None, "desktop", TEXT, False), "server"),
        (UBUNTU, RoleFacts("linux", None, None, TEXT, True), "unknown"),
        (UBUNTU, RoleFacts("linux", None, "desktop", TEXT, True), "workstation"),
        (UBUNTU, RoleFacts("linux", None, None, GRAPHICAL, None), "unknown"),
        (UBUNTU, RoleFacts("linux", None, "desktop", None, None), "workstation"),
        ("Alpine Linux 3.20", RoleFacts("linux", None, None, None, False), "unknown"),
        (UBUNTU, RoleFacts("linux", "toaster", "toaster", "x", None), "unknown"),
    ],
)  # fmt: skip
def test_type_by_system_and_role(os: str | None, role: RoleFacts | None, kind: str) -> None:
    assert device_type(None, os, role).value == kind


@given(st.builds(Device, *[st.none() | st.text() | st.just("spare")] * 5))
def test_any_input_gives_a_known_type_and_status_with_a_reason(
    device: Device,
) -> None:
    state = classified(device)

    assert state.device_type in TYPES and state.type_reason
    assert state.billing_status in STATUSES and state.reason


def test_an_internal_site_excludes_its_devices_by_name() -> None:
    state = classified(Device("WINDOWS_SERVER", None, "SPARE-1"), internal="Our own office")

    assert (state.billing_status, state.reason) == ("excluded", "site Our own office is internal")


def test_the_words_and_classes_that_make_spares_are_settings() -> None:
    rules = from_environment(
        2, load({"SPARE_WORDS": "Reserve, Loaner", "SPARE_NODE_CLASSES": "HYPERV_VMM_GUEST"})
    )

    assert classified(Device("MAC", None, "SPARE-07"), rules).billing_status == "billable"
    assert classified(Device("VMWARE_VM_GUEST"), rules).billing_status == "billable"
    assert classified(Device("HYPERV_VMM_GUEST"), rules).billing_status == "spare"
    reserve = classified(Device("MAC", None, None, "RESERVE shelf"), rules)
    assert reserve.reason == 'location "RESERVE shelf" contains "Reserve"'
    assert classified(Device("MAC", None, "loaner 4"), rules).billing_status == "spare"
    assert classified(Device("MAC"), rules).rule_version == 2


# Sites (rule 13)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Harbor Dental", "HARBOR  DENTAL"),
        ("Harbor Dental", "Harbor Dental, LLC"),
        ("Harbor Dental", "Harbor Dental L.L.C."),
        ("Harbor Dental", " harbor-dental Inc. "),
        ("Harbor Dental Inc", "Harbor Dental, Incorporated"),
        ("Pelican & Sons", "Pelican and Sons"),
        ("Pelican&Sons", "Pelican and Sons"),
        ("Clínica São José Ltda", "Clinica Sao Jose LTDA."),
        ("Construções Norte S/A", "Construcoes Norte SA"),
        ("Müller GmbH", "MULLER"),
        ("O'Neil Freight", "ONeil Freight"),
        ("Weiß Bau", "WEISS BAU"),
        ("ＡＢＣ Ｌｏｇｉｓｔｉｃｓ", "ABC Logistics"),
        ("Smith Co. Ltd.", "Smith"),
        ("A.B.C. Plumbing", "ABC Plumbing"),
        ("Bayou_Dental", "Bayou Dental"),
        ("パンダ薬局", "ﾊﾟﾝﾀﾞ薬局"),
        ("Ελληνική Αγορά", "ΕΛΛΗΝΙΚΗ ΑΓΟΡΑ"),
        ("Фирма Ёлка", "фирма Елка"),
        ("S/A Norte", "SA Norte"),
    ],
)
def test_spellings_of_the_same_customer_match(one: str, other: str) -> None:
    assert match_name(one) == match_name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Harbor Dental", "Harbor Dentist"),
        ("Harbor Dental", "Harbor Dental North"),
        ("LLC Partners", "Partners"),
        ("Inc", "LLC"),
        ("Site 1", "Site 2"),
        ("Pelican", "Pelicans"),
        ("!!!", "???"),
        ("東京支店", "大阪支店"),
        # Marks of other scripts are letters: voicing in Japanese, vowels in Devanagari.
        ("パンダ薬局", "ハンダ薬局"),
        ("बाल भवन", "बोल भवन"),
        # Digits are no initials.
        ("Lot 1.2", "Lot 12"),
        ("Unit 3/4", "Unit 34"),
    ],
)
def test_names_of_different_customers_do_not_match(one: str, other: str) -> None:
    assert match_name(one) != match_name(other)


@given(st.text(min_size=1), st.sampled_from(sorted(LEGAL_FORMS)))
def test_legal_forms_are_ignored_and_normalising_is_idempotent(name: str, form: str) -> None:
    match = match_name(name)

    assert match_name(match) == match
    if any(letter.isalnum() for letter in match):
        assert match_name(f"{match}, {form.upper()}") == match


# Assets (rule 12)


@pytest.mark.parametrize(
    "junk",
    [
        None, "", " ", "None", "N/A", "To be filled by O.E.M.", "Default string",
        "System Serial Number", "VMware-42 1d 3f", "00000000", "0000-0000", "XXXXXXXX",
        "123456789", "0123456789", "Not Specified", "INVALID", "OEM", "abc",
        "SSN12345678901234567", "MB-1234567890", "SYS-1234567890", "EeePC-1234567890", "1234567",
        "9876543210", "0123456789ABCDEF", "S/N: 23456789", "SN000000",
        "EVAL", "Unknow", "SystemSerialNumb", "To Be Filled By O.E.M. by More String",
        "to-be-filled-7", "１２３４５６７", "неизвестно", "1234567890ABCDEF", "MB-12345678X",
        "GB-0123456789AB", "98765432-A",
    ],
)  # fmt: skip
def test_placeholder_serial_numbers_are_none(junk: str | None) -> None:
    assert real_serial(junk) is None


@pytest.mark.parametrize(
    ("spellings", "serial"),
    [
        ((" pf-3k9 x2q ", "PF3K9X2Q", "pf_3k9x2q"), "pf3k9x2q"),
        (("SN-0001", "sn 0001", "ＳＮ０００１"), "sn0001"),
        (("SN-1234", "sn1234"), "sn1234"),
        (("ПК-1204", "пк 1204"), "пк1204"),
        (("5CG1234567", "5cg 1234567"), "5cg1234567"),
        (("12345679", "1234 5679"), "12345679"),
        (("MB1234567X", "MB-1234567-x"), "mb1234567x"),
    ],
)
def test_serial_numbers_are_compared_without_case_spaces_and_punctuation(
    spellings: tuple[str, ...], serial: str
) -> None:
    assert {real_serial(spelling) for spelling in spellings} == {serial}


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("PC-1", "pc-1"),
        (" pc-1.harbor.local ", "pc-1"),
        ("PC-1 | Anna Berg", "pc-1"),
        ("PC-1.local | Anna", "pc-1"),
        ("BDG-MINIPC25100031", "bdg-minipc25100031"),
        ("", None),
        (" | Anna", None),
        (".local", None),
        (None, None),
        ("10.10.10.21-Database1", "10.10.10.21-database1"),
    ],
)
def test_hostnames_are_compared_up_to_the_bar_and_the_first_dot(
    spelling: str | None, key: str | None
) -> None:
    assert host_key(spelling) == key


@pytest.mark.parametrize(
    "name",
    [
        "10.99.105.101", "10.99.105.101 | Anna", "10.10.10.21-database1", "10-10-10-21", "fe80::1",
        "7", "0012345.harbor.local", "localhost", "LOCALHOST.localdomain", "localhost6", "iPhone",
        "iPhone-2", "iPad", "MacBook-Pro", "MacBook Pro.local", "MacBook-Air-3", "iMac", "Mac-mini",
        "MacBook-Pro-12", "iMac-2", "Mac-mini-3.local", "ip-10-0-0-5", "ip-10-0-0-5.ec2.internal",
        "android", "raspberrypi", "ubuntu", "debian.lan", "DiskStation", "", None,
    ],
)  # fmt: skip
def test_names_that_many_machines_have_identify_none(name: str | None) -> None:
    assert identifying_host(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "DESKTOP-4FK2P9A", "anas-iphone", "Anas-MacBook-Pro", "macbook-anna", "ubuntu-01",
        "pc10.1.1.1", "1a", "server", "android-3f9a2c71d0",
    ],
)  # fmt: skip
def test_names_that_people_or_chance_gave_identify_a_machine(name: str) -> None:
    assert identifying_host(name) == host_key(name)


@pytest.mark.parametrize(
    ("address", "usable"),
    [
        ("F0:18:98:11:22:33", "f01898112233"),
        ("3c-ec-ef-00-00-01", "3cecef000001"),
        ("00:a0:c6:00:00:00", None),
        ("20:41:53:59:4e:ff", None),
        ("24:b6:20:52:41:53", None),
        ("ac:de:48:00:11:22", None),
        ("a4:bb:6d:00:00:00", None),
        ("02:42:ac:11:00:02", None),
        ("01:00:5e:00:00:fb", None),
        ("00:00:00:00:00:e0", None),
    ],
)
def test_hardware_addresses_that_drivers_give_to_everyone_are_none(
    address: str, usable: str | None
) -> None:
    stored = re.sub("[:-]", "", address).lower()

    assert normalise_mac(address) == usable
    # Also when an earlier version stored them.
    assert split_macs(stored) == ({usable} if usable else set())


def machine(
    number: int, source: str = "ninja", site: int = 1, host: str | None = None,
    serial: str | None = None, asset: int | None = None,
) -> Identity:  # fmt: skip
    return Identity(number, asset or number, source, site, host, serial)


def linked(
    own: list[Identity], others: list[Identity], former: list[Identity] | None = None
) -> dict[int, tuple[int, str]]:
    """Device -> asset and method; every one of `mine` is alone."""
    unlinked = {one.device_id for one in own if one.asset_id == one.device_id}
    links = find_links(own, unlinked, others, former or [])
    return {link.device_id: (link.asset_id, link.method) for link in links}


def test_a_serial_number_links_before_a_hostname_does() -> None:
    own = [machine(1, "threatlocker", host="pc-1", serial="SN-0001")]
    others = [machine(2, host="PC-1.local"), machine(3, host="pc-9", serial="sn0001")]

    assert linked(own, others) == {1: (3, "serial")}


def test_a_hostname_links_with_its_evidence_if_no_serial_number_does() -> None:
    own = [machine(1, "threatlocker", host="pc-1 | Anna")]

    (link,) = find_links(own, {1}, [machine(2, host="PC-1.local", serial="SN-0001")])

    assert (link.asset_id, link.other_device_id, link.method) == (2, 2, "hostname")
    assert link.evidence == "hostname pc-1 at the same site"


def test_records_of_two_sites_are_never_linked() -> None:
    own = [machine(1, "threatlocker", site=1, host="pc-1", serial="SN-0001")]

    assert linked(own, [machine(2, site=2, host="pc-1", serial="SN-0001")]) == {}


def test_two_candidates_are_not_linked() -> None:
    own = [machine(1, "threatlocker", host="pc-1")]

    assert linked(own, [machine(2, host="pc-1"), machine(3, host="pc-1")]) == {}
    assert linked([*own, machine(4, "threatlocker", host="pc-1")], [machine(2, host="pc-1")]) == {}


def test_different_real_serial_numbers_prevent_a_link_by_hostname() -> None:
    own = [machine(1, "threatlocker", host="pc-1", serial="SN-0001")]

    assert linked(own, [machine(2, host="pc-1", serial="SN-0002")]) == {}
    assert linked(own, [machine(2, host="pc-1", serial="Default string")]) == {1: (2, "hostname")}
    assert not serials_contradict(own[0], machine(2, serial="sn-0001"))


def test_fifteen_equal_characters_are_not_one_machine() -> None:
    own = [machine(1, "threatlocker", host="BDG-MINIPC25100031")]

    assert linked(own, [machine(2, host="BDG-MINIPC25100032")]) == {}


def test_equal_serial_numbers_in_one_source_are_a_machine_enrolled_again() -> None:
    first, second = machine(1, serial="SN-0001"), machine(2, serial="SN-0001")

    # The later one, which comes second, answers to the earlier one.
    assert linked([first, second], []) == {2: (1, "serial")}
    assert linked([second, first], []) == {1: (2, "serial")}


def test_a_serial_number_shared_by_many_machines_links_none() -> None:
    assert linked([machine(n, serial="MAKER-X9") for n in range(1, 5)], []) == {}


def test_a_new_record_with_the_serial_number_of_a_former_one_gets_its_asset() -> None:
    former = [machine(1, serial="SN-0001", asset=77)]

    assert linked([machine(2, serial="sn 0001")], [], former) == {2: (77, "serial")}


def test_placeholder_serial_numbers_link_no_records() -> None:
    own = [machine(1, "threatlocker", serial="None"), machine(2, "threatlocker", serial="None")]

    assert linked(own, [machine(3, serial="None")]) == {}


def test_a_machine_with_a_record_of_the_source_gets_no_second_one_by_hostname() -> None:
    own = [
        machine(1, "threatlocker", host="old", asset=9),
        machine(2, "threatlocker", host="pc-1"),
    ]

    assert linked(own, [machine(9, host="pc-1")]) == {}


GUEST_EVIDENCE = "hostname vm-1 of a guest and of its own record at the same site"


@pytest.mark.parametrize(
    ("link", "why"),
    [
        (PastLink("serial", "serial sn0001 at the same site"), None),
        (PastLink("serial", "serial 1234567 enrolled again"), "placeholder"),
        (PastLink("hostname", "hostname 10 of no other machine in the fleet"), "the name 10 too"),
        (PastLink("hostname", "hostname pc-1 at the same site"), None),
        (PastLink("hostname", GUEST_EVIDENCE), None),
        (PastLink("hostname", GUEST_EVIDENCE.replace("vm-1", "ubuntu")), "the name ubuntu too"),
        (
            PastLink("hostname", GUEST_EVIDENCE,
                     NamedRecord("vm-1.a", None), NamedRecord("VM-1.b", None)),
            "domains a and b",
        ),
        (
            PastLink("hostname", "hostname pc-1 at the same site",
                     NamedRecord("pc-1", "mobile"), NamedRecord("PC-1.b", "server")),
            "one is a mobile, the other a server device",
        ),
        # Renamed since, on a day that is not kept: what it was linked by is not known any more.
        (
            PastLink("hostname", "hostname pc-1 at the same site",
                     NamedRecord("pc-1.a", None), NamedRecord("pc-7.b", None)),
            None,
        ),
        (
            PastLink("prefix", "prefix bdg-minipc25100 of bdg-minipc25100031 at the same site",
                     NamedRecord("BDG-MINIPC25100", "workstation"),
                     NamedRecord("BDG-MINIPC25100031", "network")),
            "a network device",
        ),
        (PastLink("prefix", "prefix 10-10-10-21-dat of 10-10-10-21-database1 at the same site"),
         "the name 10-10-10-21-dat too"),
        (PastLink("mac", "mac 3cecef000001 at the same site", macs="3cecef000002"), None),
        (PastLink("mac", "mac 00a0c6000000, 3cecef000001, 3cecef000002 at the same site"), None),
        (PastLink("mac", "mac 00a0c6000000, 204153594eff at the same site"),
         "00a0c6000000, 204153594eff to every machine"),
        (PastLink("mac", "mac 00a0c6000000, 3cecef000001 at the same site", None, None,
                  "00a0c6000000,3cecef000001", "3cecef000001,3cecef000009"),
         "00a0c6000000 to every machine"),
        (PastLink("mac", "mac 00a0c6000000, 3cecef000001 at the same site", None, None,
                  "00a0c6000000,3cecef000001", "3cecef000001"), None),
        (PastLink("manual", "Ana said so"), None),
    ],
)  # fmt: skip
def test_the_evidence_of_past_links_is_judged_by_the_rules_of_now(
    link: PastLink, why: str | None
) -> None:
    told = why_unfounded(link)

    assert (told is None) == (why is None)
    assert why is None or why in (told or "")


def test_the_evidence_that_rules_write_can_be_judged_later() -> None:
    """Each method and place of the rules; a name that says nothing in its stead is found."""
    guest, plain = machine(1, host="pc-1"), machine(2, host="pc-1")
    pairs = [
        ([machine(1, "threatlocker", host="pc-1")], [machine(2, host="pc-1")]),
        ([machine(1, "threatlocker", 0, host="pc-1")], [machine(2, host="pc-1")]),
        ([guest._replace(node_class="VMWARE_VM_GUEST"), plain], []),
    ]
    for own, others in pairs:
        (link,) = find_links(own, {record.device_id for record in own}, others)
        void = link.evidence.replace("pc-1", "localhost")
        assert why_unfounded(PastLink(link.method, link.evidence)) is None
        assert why_unfounded(PastLink(link.method, void)) is not None
