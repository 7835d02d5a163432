"""Stories of machines and the records that sources have of them, with the known truth: which
records are one machine. Each failure of the systems before ours (lessons, part c) is among them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

HARBOR, PELICAN = "Harbor Dental", "Pelican Freight"
NIC, NIC2, NIC3 = "3c:ec:ef:00:00:01", "3c:ec:ef:00:00:02", "3c:ec:ef:00:00:03"
WIFI, WIFI2 = "a4:bb:6d:00:00:01", "a4:bb:6d:00:00:02"
DOCK, VPN = "00:50:b6:00:00:09", "00:05:9a:3c:7a:00"
DRIVERS = ("00:a0:c6:00:00:00", "20:41:53:59:4e:ff", "24:b6:20:52:41:53", "ac:de:48:00:11:22")
RANDOM, HOST_ONLY = "02:42:ac:11:00:02", "00:50:56:c0:00:08"
LONG, OTHER = "BDG-MINIPC25100031", "BDG-MINIPC25100032"
GUEST, HYPERV = "VMWARE_VM_GUEST", "HYPERV_VMM_GUEST"


@dataclass(frozen=True)
class StoryRecord:
    """One record on one day; `machine` is the truth. `silent`: days since its last contact."""

    source: str
    key: str
    machine: str
    host: str | None = None
    serial: str | None = None
    macs: tuple[str, ...] = ()
    site: str | None = HARBOR
    node_class: str | None = None
    silent: int = 0


class Deed(NamedTuple):
    """What a person decides of two records: "link", "apart", or of the first "split"."""

    what: str
    one: StoryRecord
    other: StoryRecord | None = None


@dataclass(frozen=True)
class Story:
    """Days, each the records of all sources, and deeds between them. `missed`: the pairs of one
    machine that no rule may link, and why that is so stands in the name."""

    name: str
    days: Sequence[Sequence[StoryRecord] | Deed]
    missed: int = 0


def n(key: str, machine: str, host: str | None = None, serial: str | None = None,
      *macs: str, **more: object) -> StoryRecord:  # fmt: skip
    return StoryRecord("ninja", key, machine, host, serial, macs, **more)  # type: ignore[arg-type]


def t(key: str, machine: str, host: str | None = None, serial: str | None = None,
      **more: object) -> StoryRecord:  # fmt: skip
    return StoryRecord("threatlocker", key, machine, host, serial, **more)  # type: ignore[arg-type]


def a(key: str, machine: str, host: str | None = None, serial: str | None = None,
      *macs: str, **more: object) -> StoryRecord:  # fmt: skip
    return StoryRecord("agent", key, machine, host, serial, macs, **more)  # type: ignore[arg-type]


def silent(record: StoryRecord, days: int) -> StoryRecord:
    return replace(record, silent=days)


PC = n("1", "A", "pc-1", "SN-0001")

STORIES = (
    # Names
    Story("a short name and the same with its domain are one machine",
          [[n("1", "A", "pc-1.harbor.local"), t("a", "A", "PC-1")]]),
    Story("names that differ in case are one machine",
          [[n("1", "A", "Front-Desk"), t("a", "A", "FRONT-DESK")]]),
    Story("a name with its person after a bar is the machine's",
          [[n("1", "A", "BDG-FRONT01"), t("a", "A", "bdg-front01.bdg.local | Anna")]]),
    Story("a space before the bar does not hide the name",
          [[n("1", "A", "BDG-FRONT01"), t("a", "A", "BDG-FRONT01  | Anna Berg")]]),
    Story("a name cut to 15 characters that begins one name is that machine",
          [[n("1", "A", LONG), t("a", "A", LONG[:15])]]),
    Story("the two mini PCs whose names differ after 15 characters stay two",
          [[n("1", "A", LONG), n("2", "B", OTHER)]]),
    Story("the two mini PCs, each whole in both sources, are two machines",
          [[n("1", "A", LONG), n("2", "B", OTHER), t("a", "A", LONG), t("b", "B", OTHER)]]),
    Story("the two mini PCs cut to 15 characters in one source wait for a person",
          [[n("1", "A", LONG), n("2", "B", OTHER), t("a", "A", LONG[:15]),
            t("b", "B", LONG[:15])]], missed=2),
    Story("one cut name and two that begin so: nobody can tell which",
          [[n("1", "A", LONG), n("2", "B", OTHER), t("a", "A", LONG[:15])]], missed=1),
    Story("two long names that only begin alike, one in each source, are two machines",
          [[n("1", "A", LONG), t("b", "B", OTHER)]]),
    Story("a cut name finds its machine once the other mini PC is gone",
          [[n("1", "A", LONG), n("2", "B", OTHER), t("a", "A", LONG[:15])],
           [n("1", "A", LONG), t("a", "A", LONG[:15])]]),
    Story("a name of 14 characters that begins another is another machine",
          [[n("1", "A", LONG), t("b", "B", LONG[:14])]]),
    Story("the same name at two customers is two machines",
          [[n("1", "A", "reception"), t("b", "B", "reception", site=PELICAN)]]),
    Story("the same name at two customers in both sources is two machines",
          [[n("1", "A", "reception"), n("2", "B", "reception", site=PELICAN),
            t("a", "A", "reception"), t("b", "B", "reception", site=PELICAN)]]),
    Story("two machines of one name in a source wait for a person",
          [[n("1", "A", "pc-1"), n("2", "B", "pc-1"), t("a", "A", "pc-1")]], missed=1),
    Story("two licences of one machine in ThreatLocker stay two records that wait",
          [[n("1", "A", "pc-1"), t("a", "A", "pc-1"), t("b", "A", "pc-1")]], missed=3),
    Story("records without any name or number are nobody's",
          [[n("1", "A"), t("b", "B"), a("c", "C")]]),
    Story("a name that is only a person is no name",
          [[n("1", "A", " | Anna"), t("b", "B", " | Anna")]]),
    Story("an address is nobody's name",
          [[n("1", "A", "10.99.105.101"), t("b", "B", "10.99.105.101"), a("c", "C", "fe80::1"),
            n("2", "D", "fe80::1")]]),
    Story("names that begin with an address are not compared by their first number",
          [[n("1", "A", "10.10.10.21-database1"), t("b", "B", "10.10.10.35-web2")]]),
    Story("what a system calls every machine is nobody's name",
          [[n("1", "A", "localhost"), t("b", "B", "localhost.localdomain"),
            n("2", "C", "MacBook-Pro"), a("d", "D", "MacBook-Pro.local")]]),
    Story("a number is nobody's name", [[n("1", "A", "0012345"), t("b", "B", "0012345.local")]]),
    Story("full names of two domains are two machines",
          [[n("1", "A", "dc01.harbor.local"), t("b", "B", "dc01.pelican.local")]]),
    Story("a full name of another domain does not hinder the one of its own",
          [[n("1", "A", "dc01.harbor.local"), t("a", "A", "DC01.HARBOR.LOCAL"),
            t("b", "B", "dc01.pelican.local")]]),
    Story("a machine with a full name takes in none of another domain by a short name",
          [[n("1", "A", "dc01.harbor.local"), t("a", "A", "dc01"),
            a("b", "B", "dc01.pelican.local")]]),
    Story("a phone is no computer of its name",
          [[n("1", "A", "reception", node_class="ANDROID"),
            t("b", "B", "reception", node_class="WINDOWS_WORKSTATION")]]),
    Story("a printer is no computer of its name, and hinders none",
          [[n("1", "A", "front", node_class="NMS_PRINTER"),
            n("2", "B", "front", node_class="WINDOWS_SERVER"),
            t("b", "B", "front", node_class="WINDOWS_SERVER")]]),
    Story("a display name is no evidence: only the hostname is read",
          [[n("1", "A", "pc-1"), t("b", "B", "pc-2 | pc-1")]]),
    # Serial numbers
    Story("equal serial numbers are one machine if its names have a word in common",
          [[n("1", "A", "anna-pc", "5CG-1234-AB"), t("a", "A", "ANNA-LAPTOP", "5cg1234ab"),
            a("x", "A", "pc-77", "5CG 1234 AB")]]),
    Story("equal serial numbers under names that have no word in common wait for a person",
          [[n("1", "A", "pc-1", "5CG-1234-AB"), t("a", "A", "anna-laptop", "5cg1234ab")]],
          missed=1),
    Story("a machine that was linked stays so when its names have no word in common any more",
          [[PC, t("a", "A", "pc-1", "sn 0001")], [PC, t("a", "A", "front", "sn 0001")]]),
    Story("junk serial numbers are no evidence",
          [[n("1", "A", "pc-1", "To be filled by O.E.M."),
            t("b", "B", "pc-2", "To Be Filled By O.E.M.")]]),
    Story("a serial number of zeros is no evidence",
          [[n("1", "A", "pc-1", "00000000"), t("b", "B", "pc-2", "0000-0000")]]),
    Story("VMware's serial numbers are no evidence",
          [[n("1", "A", "vm-1", "VMware-56 4d aa"), t("b", "B", "vm-2", "VMware-56 4d aa")]]),
    Story("junk serial numbers do not hinder a name",
          [[n("1", "A", "pc-1", "Default string"), t("a", "A", "pc-1", "System Serial Number")]]),
    Story("a maker's placeholder on four machines of a site links none of them",
          [[*(n(str(i), f"M{i}", f"till-{i}", "MAKER-X9") for i in range(4)),
            t("a", "M0", "till-0", "MAKER-X9")]]),
    Story("a maker's placeholder is known by the whole fleet, not by one site",
          [[*(n(str(i), f"M{i}", f"till-{i}", "MAKER-X9", site=f"Shop {i}") for i in range(4)),
            t("b", "B", "kiosk", "MAKER-X9", site="Shop 0")]]),
    Story("two live machines that a maker gave one serial number stay two",
          [[n("1", "A", "till-1", "DUP-0001"), n("2", "B", "till-2", "DUP-0001")]]),
    Story("clones that share a serial number are told apart by their names",
          [[n("1", "A", "till-1", "DUP-0001"), n("2", "B", "till-2", "DUP-0001"),
            t("a", "A", "till-1", "DUP-0001"), t("b", "B", "till-2", "DUP-0001")]]),
    Story("equal names with two real serial numbers are two machines",
          [[n("1", "A", "pc-1", "SN-0001"), t("b", "B", "pc-1", "SN-0002")]]),
    Story("the same serial number at two customers is never linked",
          [[n("1", "A", "pc-1", "SN-0001"), t("b", "B", "pc-9", "SN-0001", site=PELICAN)]]),
    Story("a cut name does not outweigh two serial numbers",
          [[n("1", "A", LONG, "SN-0001"), t("b", "B", LONG[:15], "SN-0002")]]),
    # The life of a machine
    Story("a renamed machine stays linked",
          [[PC, t("a", "A", "pc-1")], [replace(PC, host="pc-77"), t("a", "A", "pc-1")]]),
    Story("a machine that joins a domain stays linked",
          [[n("1", "A", "pc-1"), t("a", "A", "pc-1")],
           [n("1", "A", "pc-1.harbor.local"), t("a", "A", "pc-1")]]),
    Story("a re-imaged machine with a new ThreatLocker id and the same name is the same",
          [[PC, t("a", "A", "pc-1")], [PC, t("b", "A", "pc-1")]]),
    Story("a re-imaged machine with a new Ninja id and the same number is the same",
          [[PC, t("a", "A", "pc-1")], [n("2", "A", "pc-1", "SN-0001"), t("a", "A", "pc-1")]]),
    Story("a machine enrolled again beside its old record is one",
          [[PC], [silent(PC, 3), n("2", "A", "pc-1", "SN-0001")]]),
    Story("a machine enrolled again under a new name is one once the old record is silent",
          [[PC], [silent(PC, 3), n("2", "A", "pc-9", "SN-0001")]]),
    Story("a machine enrolled again under a new name this very hour is linked two days later",
          [[PC], [PC, n("2", "A", "pc-9", "SN-0001")],
           [silent(PC, 2), n("2", "A", "pc-9", "SN-0001")]]),
    Story("a machine enrolled again after weeks away answers to its old asset",
          [[PC], [n("9", "Z", "pc-z")], [n("9", "Z", "pc-z"), n("2", "A", "new", "SN-0001")]]),
    Story("a machine that comes back is the one that it was",
          [[PC, t("a", "A", "pc-1")], [PC], [PC, t("a", "A", "other-name")]]),
    Story("a new system board ends the link until both sources tell its number",
          [[n("1", "A", "pc-1", "SN-0001"), t("a", "A", "pc-1", "SN-0001")],
           [n("1", "A", "pc-1", "SN-0777"), t("a", "A", "pc-1", "SN-0777")],
           [n("1", "A", "pc-1", "SN-0777"), t("a", "A", "pc-1", "SN-0777")]]),
    Story("a name given to a new machine while the old record still stands says nothing",
          [[PC, t("a", "A", "pc-1")],
           [silent(PC, 9), n("2", "B", "pc-1", "SN-0002"), t("a", "A", "pc-1")]]),
    Story("a machine that moves to another customer in one source stays linked",
          [[PC, t("a", "A", "pc-1")], [replace(PC, site=PELICAN), t("a", "A", "pc-1")]]),
    Story("a machine that moved answers for nobody of its name at the new customer",
          [[PC, t("a", "A", "pc-1"), t("b", "B", "pc-1", site=PELICAN)],
           [replace(PC, site=PELICAN), t("a", "A", "pc-1"),
            t("b", "B", "pc-1", site=PELICAN)]]),
    Story("a link waits for the rename that makes a name unique",
          [[n("1", "A", "pc-1"), n("2", "B", "pc-1"), t("a", "A", "pc-1")],
           [n("1", "A", "pc-1"), n("2", "B", "pc-2"), t("a", "A", "pc-1")]]),
    # Hardware addresses
    Story("an agent whose addresses are all the same is the machine, whatever its name is",
          [[n("1", "A", "pc-1", None, NIC), a("x", "A", "localhost", None, NIC)]]),
    Story("an agent with two shared addresses is the machine",
          [[n("1", "A", "pc-1", None, NIC, WIFI, NIC3), a("x", "A", "renamed", None, NIC, WIFI)]]),
    Story("one shared address of several is a dock that went from desk to desk",
          [[n("1", "A", "pc-1", None, NIC, DOCK), a("x", "B", "pc-2", None, NIC2, DOCK)]]),
    Story("a dock that two records of a source bear is no evidence",
          [[n("1", "A", "pc-1", None, DOCK), n("2", "B", "pc-2", None, DOCK),
            a("x", "C", "pc-3", None, DOCK)]]),
    Story("a dongle that all laptops used does not hinder their own addresses",
          [[n("1", "A", "old-1", None, NIC, DOCK), n("2", "B", "old-2", None, NIC2, DOCK),
            a("x", "A", "new-1", None, NIC, DOCK), a("y", "B", "new-2", None, NIC2, DOCK)]]),
    Story("addresses made up by software are no evidence",
          [[n("1", "A", "pc-1", None, RANDOM, HOST_ONLY, VPN),
            a("x", "B", "pc-2", None, RANDOM, HOST_ONLY, VPN)]]),
    Story("addresses that drivers give to everyone are no evidence",
          [[n("1", "A", "tab-ana", None, *DRIVERS),
            a("x", "B", "tab-bruno", None, *DRIVERS)]]),
    Story("a card that was swapped does not end a link",
          [[n("1", "A", "pc-1", None, NIC), a("x", "A", "pc-1", None, NIC)],
           [n("1", "A", "pc-1", None, NIC), a("x", "A", "pc-1", None, NIC2)]]),
    Story("a card that went into another machine waits: its name points elsewhere",
          [[n("1", "A", "pc-1", None, NIC), t("a", "A", "pc-1"), n("2", "B", "pc-2", None, NIC2),
            a("x", "B", "pc-2", None, NIC)]], missed=0),
    Story("equal addresses with two real serial numbers are two machines",
          [[n("1", "A", "pc-1", "SN-0001", NIC), a("x", "B", "pc-2", "SN-0002", NIC)]]),
    Story("equal addresses at two customers are never linked",
          [[n("1", "A", "pc-1", None, NIC), a("x", "B", "pc-2", None, NIC, site=PELICAN)]]),
    Story("addresses link nobody where no agent is",
          [[n("1", "A", "pc-1", None, NIC), n("2", "B", "pc-2", None, NIC)]]),
    # Virtual machines
    Story("what a host tells of a guest and the guest's own record are one machine",
          [[n("1", "V", "vm-1", node_class=GUEST), n("2", "V", "vm-1", "SN-0001")]]),
    Story("a guest with two records in Ninja and one in ThreatLocker is one machine",
          [[n("1", "V", "vm-1", node_class=GUEST), n("2", "V", "vm-1", "SN-0001"),
            t("a", "V", "VM-1.harbor.local")]]),
    Story("a Hyper-V guest with an agent of its own is one machine",
          [[n("1", "V", "vm-1", node_class=HYPERV), n("2", "V", "vm-1"), a("x", "V", "vm-1")]]),
    Story("a guest that only its host tells of is ThreatLocker's record of that name",
          [[n("1", "V", "vm-1", node_class=GUEST), t("a", "V", "vm-1")]]),
    Story("two guests of one name wait for a person",
          [[n("1", "V", "vm-1", node_class=GUEST), n("2", "W", "vm-1", node_class=GUEST),
            t("a", "V", "vm-1")]], missed=1),
    Story("virtual desktops of a pool with numbered names are as many machines",
          [[*(n(str(i), f"D{i}", f"vdi-{i:03}", "VMware-42") for i in range(5)),
            *(t(f"t{i}", f"D{i}", f"VDI-{i:03}", "VMware-42") for i in range(5))]]),
    Story("virtual desktops cloned with one hardware address are told apart by their names",
          [[*(n(str(i), f"D{i}", f"vdi-{i:03}", None, NIC) for i in range(3)),
            *(a(f"x{i}", f"D{i}", f"vdi-{i:03}", None, NIC) for i in range(3))]]),
    # No site
    Story("an agent without a site is the only machine of its number in the fleet",
          [[PC, a("x", "A", "pc-anna", "SN-0001", site=None)]]),
    Story("an agent without a site is the only machine of its name in the fleet",
          [[n("1", "A", "pc-1"), a("x", "A", "pc-1", site=None)]]),
    Story("an agent without a site whose name two customers have waits for a person",
          [[n("1", "A", "pc-1"), n("2", "B", "pc-1", site=PELICAN),
            a("x", "A", "pc-1", site=None)]], missed=1),
    Story("two agents without a site and with one name wait, and hinder nobody",
          [[n("1", "A", "pc-1"), t("a", "A", "pc-1"), a("x", "A", "pc-1", site=None),
            a("y", "B", "pc-1", site=None)]], missed=2),
    Story("an agent without a site is linked when it learns its site",
          [[n("1", "A", "pc-1"), n("2", "B", "pc-1", site=PELICAN), a("x", "A", "pc-1", site=None)],
           [n("1", "A", "pc-1"), n("2", "B", "pc-1", site=PELICAN), a("x", "A", "pc-1")]]),
    # Three sources, days out of step
    Story("a machine that three sources know by different evidence is one",
          [[PC, t("a", "A", "PC-1 | Anna"), a("x", "A", "front-pc", "SN-0001")]]),
    Story("two records that were there before the third joins them are one with it",
          [[t("a", "A", "pc-1"), a("x", "A", "pc-1")], [PC, t("a", "A", "pc-1"),
           a("x", "A", "pc-1")]]),
    Story("sources whose days are out of step still meet",
          [[n("1", "A", "pc-1")], [n("1", "A", "pc-1"), t("a", "A", "pc-1")]]),
    # What people decide
    Story("a link by hand of what no rule can see stands",
          [[n("1", "A", "pc-1"), t("a", "A", "till-7")],
           Deed("link", n("1", "A"), t("a", "A")),
           [n("1", "A", "pc-1"), t("a", "A", "till-7")]]),
    Story("what a person splits is not linked again",
          [[n("1", "A", "pc-1"), t("b", "B", "pc-1")],
           Deed("split", t("b", "B")),
           [n("1", "A", "pc-1"), t("b", "B", "pc-1")]]),
    Story("what a person keeps apart is never linked, not even by its number",
          [[n("1", "A", "pc-1"), t("b", "B", "pc-2")],
           Deed("apart", n("1", "A"), t("b", "B")),
           [n("1", "A", "pc-1", "DUP-0001"), t("b", "B", "pc-2", "DUP-0001")]]),
)  # fmt: skip
