"""Makes a release: `set VERSION` writes the version and the date where they stand, `build` makes
every file of it in dist/, `version` prints the version that is declared."""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from datetime import UTC, date, datetime
from importlib.metadata import Distribution, distribution
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
DECLARED = {
    "db/__init__.py": '__version__ = "{}"',
    "agent/__init__.py": '__version__ = "{}"',
    "deploy/agent/inventory-agent.iss": '#define Version "{}"',
    "deploy/kubernetes/postgresql/kustomization.yaml": "newTag: {}",
    "deploy/kubernetes/sqlite/kustomization.yaml": "newTag: {}",
    "docs/deploy/kubernetes.md": "inventory-hub:{}",
}
"""Where the version stands: the agent imports nothing of the server, Inno Setup and kustomize no
Python."""
NUMBER = r"\d+\.\d+\.\d+"


class WrongState(Exception):
    """The checkout cannot be released as it is; the text says what to do."""


def version(root: Path = ROOT) -> str:
    """The version that is declared, the same in every place.

    Raises:
        WrongState: the places differ.
    """
    found = set()
    for name, line in DECLARED.items():
        pattern = re.escape(line).replace(r"\{\}", f"({NUMBER})")
        found |= set(re.findall(pattern, (root / name).read_text(encoding="utf-8")))
    if len(found) != 1:
        raise WrongState(f"the version differs ({', '.join(sorted(found))}): run release.py set")
    return found.pop()


def set_version(new: str, today: date, root: Path = ROOT) -> None:
    """Declare `new`, and give what is unreleased in the changelog its number and date.

    Raises:
        WrongState: `new` is no version, or the changelog has it already.
    """
    if not re.fullmatch(NUMBER, new):
        raise WrongState(f"{new} is no version: write it like 1.2.3")
    changelog = root / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    if f"\n## {new} - " in text:
        raise WrongState(f"CHANGELOG.md has {new} already: take the next number")
    for name, line in DECLARED.items():
        pattern = re.escape(line).replace(r"\{\}", NUMBER)
        path = root / name
        path.write_text(re.sub(pattern, line.format(new), path.read_text("utf-8")), "utf-8")
    heading = f"## Unreleased\n\n## {new} - {today}\n"
    changelog.write_text(text.replace("## Unreleased\n", heading, 1), encoding="utf-8")


def notes(changelog: str, of: str, *, draft: bool) -> str:
    """What the changelog says of a version; with `draft` what is unreleased, if it says nothing.

    Raises:
        WrongState: it has no dated heading for this version.
    """
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]
    for section in sections:
        heading, _, text = section.partition("\n")
        if re.fullmatch(rf"{re.escape(of)} - \d{{4}}-\d\d-\d\d", heading.strip()):
            return text.strip() + "\n"
    if not draft:
        raise WrongState(
            f"CHANGELOG.md has no heading like '## {of} - 2026-12-31': run .ci/release.py set "
            "VERSION, commit, then make release; or make release ARGS=--draft"
        )
    return sections[0].partition("\n")[2].strip() + "\n"


def build(*, draft: bool) -> None:
    """Make every file of the release in dist/, which is emptied first.

    Raises:
        WrongState: the changelog does not have this version, a file is not committed, or the
            version was released already.
    """
    number = version()
    if not draft:
        check_tag(number)
    text = notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), number, draft=draft)
    if _git("status", "--porcelain", "--untracked-files=no") and not draft:
        raise WrongState("files are changed: commit them first, for a release is made of a commit")
    committed = int(_git("log", "-1", "--format=%ct"))
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    # The same commit makes the same archives.
    reproducible = {**os.environ, "SOURCE_DATE_EPOCH": str(committed)}
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(DIST), env=reproducible)
    system = f"{platform.system()}-{platform.machine()}".lower().replace("_", "-")
    _run(
        sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN", "--distpath",
        str(DIST), "--workpath", "build/agent", "deploy/agent/inventory-agent.spec",
    )  # fmt: skip
    (DIST / "inventory-agent").rename(DIST / f"inventory-agent-{number}-{system}")
    image_context(DIST / f"inventory-hub-{number}-image-context.tar.gz")
    made_at = datetime.fromtimestamp(committed, UTC)
    (DIST / f"inventory-hub-{number}.cdx.json").write_text(sbom(number, made_at), encoding="utf-8")
    (DIST / "RELEASE_NOTES.md").write_text(text, encoding="utf-8")
    (DIST / "SHA256SUMS").write_text(checksums(DIST), encoding="utf-8")


def check_tag(number: str, root: Path = ROOT) -> None:
    """What is released stays as it is.

    Raises:
        WrongState: the version's tag is on another commit than this one.
    """
    tag = f"v{number}"
    if not _git("tag", "--list", tag, root=root):
        return
    if _git("rev-parse", f"{tag}^{{commit}}", root=root) != _git("rev-parse", "HEAD", root=root):
        raise WrongState(
            f"{tag} is another commit: release the next version (.ci/release.py set VERSION), or "
            f"git checkout {tag} for the files of {number}"
        )


def image_context(target: Path, commit: str = "HEAD") -> None:
    """What `docker build -` needs: the commit without its tests."""
    _git(
        "archive", "--format=tar.gz", f"--output={target}", commit, "--", ".", ":!tests", ":!bench"
    )


def sbom(number: str, made_at: datetime) -> str:
    """The product and everything that it installs, as CycloneDX 1.6 in JSON: versions as in this
    environment, which `make` lays by constraints.txt."""
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    def component(of: Distribution, at: str, kind: ComponentType) -> Component:
        said = of.metadata.get("License-Expression") or of.metadata.get("License")
        licenses = [LicenseFactory().make_from_string(said)] if said and len(said) < 60 else []
        url = PackageURL("pypi", None, _key(of.name), at)
        return Component(
            name=of.name, version=at, type=kind, purl=url, bom_ref=str(url), licenses=licenses
        )

    product = distribution("inventory-hub")
    needs = {_key(product.name): _needed(product)}
    waiting = [*needs[_key(product.name)]]
    while waiting:
        if (name := waiting.pop()) not in needs:
            needs[name] = _needed(distribution(name))
            waiting += needs[name]
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, f"inventory-hub {number} {made_at}"))
    bom.metadata.timestamp = made_at
    components = {
        name: component(distribution(name), distribution(name).version, ComponentType.LIBRARY)
        for name in needs
    }
    root = component(product, number, ComponentType.APPLICATION)
    components[_key(product.name)] = bom.metadata.component = root
    bom.components.update(each for each in components.values() if each is not root)
    for name, each in components.items():
        bom.register_dependency(each, [components[need] for need in needs[name]])
    return JsonV1Dot6(bom).output_as_string(indent=2)


def checksums(folder: Path) -> str:
    """The SHA-256 of each file of `folder`, as `sha256sum --check` reads it."""
    files = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files
    )


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _needed(of: Distribution) -> list[str]:
    """What a distribution installs on this system without extras."""
    from packaging.requirements import Requirement

    required = [Requirement(line) for line in of.requires or []]
    return [
        _key(each.name)
        for each in required
        if each.marker is None or each.marker.evaluate({"extra": ""})
    ]


def _git(*arguments: str, root: Path = ROOT) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _run(*command: str, env: dict[str, str] | None = None) -> None:
    subprocess.run(command, cwd=ROOT, check=True, env=env)


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("version")
    commands.add_parser("set").add_argument("number")
    commands.add_parser("build").add_argument("--draft", action="store_true")
    given = parser.parse_args()
    try:
        if given.command == "version":
            print(version())
        elif given.command == "set":
            set_version(given.number, datetime.now(UTC).date())
            print(f"Declared {given.number}. Look at CHANGELOG.md, commit, tag v{given.number}.")
        else:
            build(draft=given.draft)
            print((DIST / "SHA256SUMS").read_text(encoding="utf-8"), end="")
    except WrongState as wrong:
        sys.exit(f"Not released: {wrong}.")


if __name__ == "__main__":
    main()
