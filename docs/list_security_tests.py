"""Writes the table at the end of docs/security.md: each test id of the threat model and of OWASP
ASVS 5.0, and the tests that show it.

A test carries its id in its name: `test_sec_07_...`, `test_asvs_8_3_2_...`, `test_rel_05_...`. An
id of ASVS may be shown by the tests of other ids.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "security.md"
BEGIN = "<!-- made by docs/list_security_tests.py -->\n"

THREATS = {
    "SEC-01": "texts are values, never SQL",
    "SEC-02": "a wrong key is answered before the body is read",
    "SEC-03": "what is known of a machine is no credential",
    "SEC-04": "a route without a role fails the build",
    "SEC-05": "nothing of another site, on any page, route, file or callback",
    "SEC-06": "a revoked and an unknown key have different answers",
    "SEC-07": "gzip bombs from machines",
    "SEC-08": "gzip bombs from vendors",
    "SEC-09": "only JSON is taken, others are refused before the body",
    "SEC-10": "malicious JSON costs little",
    "SEC-11": "a NUL byte spoils neither its row nor others",
    "SEC-12": "a fleet of hostile texts on every page",
    "SEC-13": "no markup of the fleet in charts",
    "SEC-14": "functions that open doors are not used",
    "SEC-15": "templates in texts come back as they are",
    "SEC-16": "no formula in CSV or Excel files",
    "SEC-17": "a file equals its list, or is visibly broken",
    "SEC-18": "names of files cannot break headers",
    "SEC-19": "other sites change nothing",
    "SEC-20": "no background callbacks to forge",
    "SEC-21": "strangers get no page, layout or callback",
    "SEC-22": "unsafe settings end the start",
    "SEC-23": "answers to people are kept by no cache",
    "SEC-24": "after signing in only a path of ours",
    "SEC-25": "only trusted proxies say who asks",
    "SEC-26": "ambiguous requests are refused",
    "SEC-27": "forged and replayed answers of an identity provider",
    "SEC-28": "tokens are compared in constant time",
    "SEC-29": "secrets appear nowhere",
    "SEC-30": "rotation without a gap, one key revoked alone",
    "SEC-31": "vendors' addresses only from settings, no redirects",
    "SEC-32": "neither .netrc nor proxy settings leak credentials",
    "SEC-33": "exact versions, checked for published weaknesses",
    "SEC-34": "browsers load nothing from elsewhere",
    "SEC-35": "no secret in the repository",
}

ASVS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "1.2.1": ("output is encoded for its context", ("SEC-12", "SEC-13")),
    "1.2.2": ("addresses are built by one helper", ("SEC-12", "SEC-24")),
    "1.2.3": ("values in scripts and JSON are encoded", ("SEC-12",)),
    "1.2.4": ("SQL takes parameters", ("SEC-01",)),
    "1.2.10": ("no formula in files", ("SEC-16",)),
    "1.3.2": ("no dynamic code", ("SEC-14",)),
    "1.3.6": ("requests to others go where settings say", ("SEC-31",)),
    "1.3.7": ("no templates of users", ("SEC-15",)),
    "1.5.2": ("nothing is deserialised into code", ("SEC-14",)),
    "1.5.3": ("parsers agree", ("SEC-10", "SEC-26")),
    "2.2.1": ("input is validated against its model", ("SEC-10",)),
    "2.2.2": ("on the server", ("SEC-04",)),
    "2.3.3": ("a transaction is done whole or not at all", ("REL-05",)),
    "2.3.4": ("two workers do not do the same", ("REL-12",)),
    "2.4.1": ("many files are slowed down", ()),
    "3.2.1": ("answers are not rendered in another context", ("SEC-17",)),
    "3.3.1": ("cookies: __Host- and Secure", ()),
    "3.3.2": ("SameSite", ("3.3.1",)),
    "3.3.3": ("__Host-", ("3.3.1",)),
    "3.3.4": ("HttpOnly", ("3.3.1",)),
    "3.4.1": ("Strict-Transport-Security", ("3.3.1",)),
    "3.4.3": ("Content-Security-Policy without unsafe words", ()),
    "3.4.4": ("nosniff", ("3.4.3",)),
    "3.4.6": ("no frames of others", ("3.4.3", "SEC-34")),
    "3.5.1": ("forged requests of other sites", ("SEC-19",)),
    "3.5.2": ("also where a preflight would be relied on", ("SEC-19",)),
    "3.5.3": ("changes are no GET", ("SEC-19",)),
    "3.7.2": ("redirects stay here", ("SEC-24",)),
    "4.1.3": ("headers of proxies", ("SEC-25",)),
    "4.2.1": ("boundaries of messages", ("SEC-26",)),
    "5.2.1": ("sizes are limited", ("SEC-07", "SEC-09")),
    "5.2.3": ("unpacked sizes too", ("SEC-07", "SEC-08")),
    "6.2.1": ("passwords of 12 characters or more", ("6.2.4",)),
    "6.2.2": ("people change their password", ("7.4.1",)),
    "6.2.3": ("with the one they have", ("7.4.1",)),
    "6.2.4": ("the common ones are refused", ()),
    "6.2.5": ("no rules of composition", ("6.2.4",)),
    "6.2.6": ("fields hide what is typed", ("6.2.7",)),
    "6.2.7": ("paste and password managers work", ()),
    "6.2.8": ("taken as typed", ("6.2.4",)),
    "6.2.9": ("64 characters and more", ("6.2.4",)),
    "6.3.1": ("guessing is slowed down", ()),
    "6.3.2": ("no default accounts", ()),
    "6.3.8": ("nobody learns which names exist", ()),
    "7.2.4": ("a new session at each sign-in", ("7.4.1",)),
    "7.4.1": ("a session ends at once", ()),
    "7.4.2": ("with the person too", ("7.4.1",)),
    "8.2.1": ("functions by role", ("SEC-04",)),
    "8.2.2": ("data by site", ("SEC-05",)),
    "8.3.1": ("decided on the server", ("SEC-04", "SEC-05")),
    "8.3.2": ("a changed right holds at once", ()),
    "8.4.1": ("customers are apart", ("SEC-05",)),
    "11.2.4": ("constant time", ("SEC-28",)),
    "11.4.2": ("passwords are stored as argon2id", ()),
    "11.5.1": ("secrets of 128 bits or more", ("11.4.2",)),
    "12.2.1": ("TLS for all that carries credentials", ()),
    "12.3.2": ("certificates are checked", ()),
    "13.2.2": ("database users with the least rights", ()),
    "13.2.3": ("no default credentials", ("6.3.2", "SEC-22")),
    "13.4.2": ("no debug mode", ("SEC-14", "SEC-22")),
    "13.4.5": ("nothing that watches is open", ("SEC-04", "SEC-21")),
    "14.2.1": ("no secrets in addresses", ("SEC-29",)),
    "14.3.2": ("no-store", ("SEC-23",)),
    "15.3.3": ("no field sets what it must not", ()),
    "15.3.4": ("the address behind proxies", ("SEC-25",)),
    "16.2.2": ("times are UTC", ("16.4.1",)),
    "16.3.1": ("sign-ins are recorded", ("6.3.8", "7.4.1")),
    "16.3.2": ("refusals are recorded", ("16.3.3",)),
    "16.3.3": ("attempts to get round a wall are recorded", ()),
    "16.4.1": ("no text makes a log line", ()),
    "16.5.1": ("errors show no internals", ()),
    "16.5.2": ("a failing part stops not the rest", ("16.5.1",)),
    "16.5.3": ("nothing opens by failing", ("16.5.1",)),
    "16.5.4": ("what is not caught is answered", ("16.5.1",)),
}

FAULTS = {f"REL-{number:02d}": "" for number in range(1, 20)}
LATER = "to come with the tests of faults"
_NAMED = re.compile(r"^test_(?:(sec|rel)_(\d\d)|asvs_((?:\d+_){2}\d+))(?:_|$)")


def named_tests() -> Mapping[str, list[str]]:
    """The tests that carry an id, by id, each as `file::name`."""
    tests: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and (named := _NAMED.match(node.name)):
                kind, number, asvs = named.groups()
                name = f"{kind.upper()}-{number}" if kind else asvs.replace("_", ".")
                tests[name].append(f"{path.relative_to(ROOT / 'tests')}::{node.name}")
    return tests


def rows(tests: Mapping[str, list[str]]) -> Iterator[tuple[str, str, str]]:
    """Each id, what it promises, and what shows it; an empty text where nothing does."""
    for name, promise in THREATS.items():
        yield name, promise, _tests(tests.get(name, []))
    for name, (promise, by) in ASVS.items():
        shown = [_tests(tests.get(name, []))] + [
            f"by {each}" for each in by if _has_test(each, tests)
        ]
        yield f"ASVS {name}", promise, ", ".join(each for each in shown if each)
    for name in FAULTS:
        yield name, "", _tests(tests.get(name, [])) or LATER


def _has_test(name: str, tests: Mapping[str, list[str]]) -> bool:
    return bool(tests.get(name)) or any(
        _has_test(each, tests) for each in ASVS.get(name, ("", ()))[1] if each != name
    )


def _tests(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def table() -> str:
    """The table in Markdown."""
    lines = ["| id | promise | shown by |", "|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows(named_tests())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    head = PAGE.read_text(encoding="utf-8").split(BEGIN)[0]
    PAGE.write_text(head + BEGIN + table(), encoding="utf-8")
