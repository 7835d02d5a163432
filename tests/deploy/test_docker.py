"""The image and the compose files: rules and schemas of others, and our own, without a container.
`test_containers.py` builds the image and runs it."""

import json
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.validators import validator_for

from cli.main import main
from db.setting_types import variables
from db.settings import Settings
from db.sources import registered_sources
from tests.conftest import ROOT

BIN = Path(sys.executable).parent
DOCKERFILE = ROOT / "Dockerfile"
FILES = ("compose.yaml", "compose.no-sqlite.yaml")
SCHEMA = json.loads(
    (files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json").read_text()
)
"""Of github.com/compose-spec/compose-spec (Apache 2.0), as check-jsonschema carries it."""
VALIDATOR = validator_for(SCHEMA)(SCHEMA)


class _Loader(yaml.SafeLoader):
    """Reads what compose reads: `!reset` and `!override` say how to merge, not what."""


def _untagged(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.ScalarNode)
    return loader.construct_scalar(node)


_Loader.add_multi_constructor("!", _untagged)


def compose(name: str) -> dict[str, Any]:
    document = yaml.load((ROOT / name).read_text(), _Loader)
    assert isinstance(document, dict)
    return document


COMPOSE = compose("compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, each in SERVICES.items() if each["image"].startswith("inventory-hub:")}


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(
        [BIN / "hadolint", "--failure-threshold", "style", DOCKERFILE],
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line)]


def test_the_last_stage_is_run_by_nobody_in_particular_and_knows_whether_it_is_well() -> None:
    steps = instructions()
    stages = [rest for word, rest in steps if word == "FROM"]
    assert len(stages) == 2
    for stage in stages:
        assert re.fullmatch(r"debian:\d+[\d.]*-slim( AS build)?", stage), stage
    assert "ADD" not in {word for word, _ in steps}
    last = steps[[word for word, _ in steps].index("FROM", 1) :]
    user = next(rest for word, rest in last if word == "USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    assert {"HEALTHCHECK", "CMD", "EXPOSE"} <= {word for word, _ in last}
    installed = next(rest for word, rest in last if word == "RUN")
    assert re.search(r"install --yes --no-install-recommends python3 &&", installed)


def test_the_build_gets_what_the_product_is_built_from_and_nothing_else() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert rules[1] == "*"
    taken = {rule[1:] for rule in rules if rule.startswith("!")}
    assert {name for name in taken if not (ROOT / name).exists()} == set()
    assert not any(name.startswith((".", "data", "secrets", "tests")) for name in taken)
    copied = next(rest for word, rest in instructions() if word == "COPY").split()[:-1]
    assert set(copied) <= taken


@pytest.mark.parametrize("name", FILES)
def test_compose_files_are_valid_by_the_published_schema(name: str) -> None:
    errors = VALIDATOR.iter_errors(compose(name))
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_the_schema_sees_a_misspelt_key() -> None:
    misspelt = {"services": {"web": {"image": "a:1", "dependson": ["b"]}}}
    assert not VALIDATOR.is_valid(misspelt)


def test_the_services_profiles_and_volumes_are_those_of_the_document() -> None:
    profiles = {name: each.get("profiles", []) for name, each in SERVICES.items()}
    assert {name for name, those in profiles.items() if not those} == {
        "postgres", "migrate", "web", "worker"
    }  # fmt: skip
    assert {profile for those in profiles.values() for profile in those} == {
        "by-hand", "demo", "nginx", "mariadb"
    }  # fmt: skip
    mounted = {
        volume.partition(":")[0] for each in SERVICES.values() for volume in each.get("volumes", [])
    }
    assert mounted == set(COMPOSE["volumes"])
    text = (ROOT / "docs" / "deploy" / "docker.md").read_text()
    assert {name for name in SERVICES if name not in text} == set()


def test_what_a_service_names_is_there() -> None:
    for name in FILES:
        document = compose(name)
        secrets = {*COMPOSE["secrets"], *document["secrets"]}
        for service, each in document["services"].items():
            named = {s if isinstance(s, str) else s["source"] for s in each.get("secrets", [])}
            assert named <= secrets, service
            assert set(each.get("depends_on", {})) <= set(SERVICES), service
    for config in COMPOSE["configs"].values():
        assert (ROOT / config["file"]).exists()


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_images_have_a_version(name: str) -> None:
    image = SERVICES[name]["image"]
    assert re.fullmatch(
        r"(postgres|nginx|mariadb):\d[\w.-]+|inventory-hub:\$\{IMAGE_TAG:-local\}", image
    )
    assert image.startswith("postgres:16-") == (name == "postgres")


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_may_do_little_and_hold_no_secret_in_their_environment(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service and "user" not in service
    models = [Settings, *(source.settings for source in registered_sources())]
    for each in FILES:
        environment = compose(each)["services"].get(name, {}).get("environment", {})
        for model in models:
            for variable in variables(model):
                for own in variable.names if variable.secret else ():
                    assert own not in environment


def test_every_variable_that_compose_sets_is_a_setting() -> None:
    models = [Settings, *(source.settings for source in registered_sources())]
    every = [each for model in models for each in variables(model)]
    known = {name for each in every for name in each.names}
    known |= {f"{name}_FILE" for each in every if each.secret for name in each.names}
    for name in FILES:
        for service, each in compose(name)["services"].items():
            if service in OURS:
                assert set(each.get("environment", {})) <= known, service


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_of_a_service_is_one_of_ours(name: str) -> None:
    service = SERVICES[name]
    words = [*service.get("entrypoint", []), *service.get("command", ["inventory-hub", "serve"])]
    program, command, *arguments = [re.sub(r"\$\{\w+:-(\w+)\}", r"\1", str(word)) for word in words]
    assert program == "inventory-hub"
    if command != "--help":
        main.commands[command].make_context(command, arguments)


def test_the_dashboard_is_published_on_loopback_until_somebody_says_otherwise() -> None:
    assert SERVICES["web"]["ports"] == ["${HOST_ADDRESS:-127.0.0.1}:${HOST_PORT:-8050}:8050"]
    assert [name for name, each in SERVICES.items() if "ports" in each] == ["web", "nginx"]


@pytest.mark.parametrize("name", ["build.sh", "deploy.sh"])
def test_scripts_are_clean_by_shellcheck(name: str) -> None:
    script = ROOT / "deploy" / "docker" / name
    assert script.stat().st_mode & 0o111
    done = subprocess.run([BIN / "shellcheck", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
