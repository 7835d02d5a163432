"""Asks the advisory services about every exact version in constraints.txt; exits 1 if one is known
to be vulnerable, or an excuse in .ci/advisories.toml is out of date.

What no service knows anything about is not called safe: the last line says how many were checked.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
EXCUSES = ROOT / ".ci" / "advisories.toml"
SERVICES = ("pypi", "osv")


@dataclass(frozen=True)
class Excuse:
    """An advisory that does not concern this product, why, and until when that is believed."""

    id: str
    reason: str
    until: date


def read_excuses(text: str) -> tuple[Excuse, ...]:
    """The tables `[[ignore]]` of a file; KeyError where one lacks id, reason or until."""
    return tuple(
        Excuse(each["id"], each["reason"], each["until"])
        for each in tomllib.loads(text).get("ignore", ())
    )


def ask(service: str) -> Mapping[str, Any]:
    """pip-audit's answer in JSON; empty where the service did not answer."""
    done = subprocess.run(
        [
            sys.executable, "-m", "pip_audit", "--requirement", str(ROOT / "constraints.txt"),
            "--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off",
            "--timeout", "10", "--vulnerability-service", service,
        ],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    try:
        answer: Mapping[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {}
    return answer


def judge(
    answer: Mapping[str, Any], excuses: Iterable[Excuse], today: date
) -> tuple[int, list[str]]:
    """How many packages the service knew, and a sentence for everything that must be mended."""
    checked = [each for each in answer.get("dependencies", ()) if "vulns" in each]
    ignored = {excuse.id: excuse for excuse in excuses}
    problems = [
        f".ci/advisories.toml: {excuse.id} was ignored until {excuse.until}: look at it again"
        for excuse in ignored.values()
        if excuse.until < today
    ]
    for package in checked:
        for advisory in package["vulns"]:
            if ignored.keys() & {advisory["id"], *advisory.get("aliases", ())}:
                continue
            better = ", ".join(advisory.get("fix_versions", ())) or "no version yet"
            problems.append(
                f"{package['name']} {package['version']}: {advisory['id']}, mended in {better}"
            )
    return len(checked), problems


def main() -> int:
    excuses = read_excuses(EXCUSES.read_text(encoding="utf-8"))
    pinned = re.findall(r"^\w.*==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    checked, problems = 0, judge({}, excuses, date.today())[1]
    for service in SERVICES:
        checked, problems = judge(ask(service), excuses, date.today())
        if checked:
            break
    print("\n".join(problems), end="\n" if problems else "")
    if not checked:
        print(
            "ADVISORIES NOT CHECKED: no advisory service could be reached. Run `make lint` again "
            "where the internet is."
        )
    else:
        print(f"Advisories: {checked} of {len(pinned)} packages checked, {len(problems)} problems.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
