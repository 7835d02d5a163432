"""The Kubernetes overlays, built by kustomize: every object by the schemas of Kubernetes, and what
one object says of another."""

import base64
import importlib
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from cli.main import main
from db.settings import load
from tests.conftest import ROOT

pytestmark = pytest.mark.full

Object = dict[str, Any]
OVERLAYS = ("postgresql", "sqlite")
KINDS = {
    "postgresql": {
        "Namespace", "ServiceAccount", "ConfigMap", "Secret", "Service", "Ingress", "Deployment",
        "Job", "NetworkPolicy", "HorizontalPodAutoscaler", "PodDisruptionBudget",
    },
    "sqlite": {
        "Namespace", "ServiceAccount", "ConfigMap", "Secret", "Service", "Ingress", "Deployment",
        "NetworkPolicy", "PersistentVolumeClaim",
    },
}  # fmt: skip
SECRETS = {
    "SECRET_KEY": "0f8e5b1c7a9d42638e5fb0c1d2a39487",
    "NINJA_CLIENT_ID": "id",
    "NINJA_CLIENT_SECRET": "a#b$c",
}
DATABASE = {"postgresql": {"DATABASE_URL": "postgresql://hub:secret@db.example.com/hub"}}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Object]]:
    """The objects of each overlay."""
    assert shutil.which("kubectl"), "install kubectl 1.27 or later, which has kustomize"
    folder = tmp_path_factory.mktemp("kubernetes") / "kubernetes"
    left_out = shutil.ignore_patterns("secret.env")
    shutil.copytree(ROOT / "deploy" / "kubernetes", folder, ignore=left_out)
    found = {}
    for overlay in OVERLAYS:
        lines = [f"{n}={v}\n" for n, v in {**SECRETS, **DATABASE.get(overlay, {})}.items()]
        (folder / overlay / "secret.env").write_text("".join(lines))
        done = subprocess.run(
            ["kubectl", "kustomize", folder / overlay], capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        found[overlay] = list(yaml.safe_load_all(done.stdout))
    return found


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def objects(built: dict[str, list[Object]], overlay: str) -> list[Object]:
    return built[overlay]


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    return [each for each in objects if each["kind"] == kind]


def only_object(objects: list[Object], kind: str, name: str | None = None) -> Object:
    (found,) = [each for each in of_kind(objects, kind) if name in (None, each["metadata"]["name"])]
    return found


def pods(objects: list[Object]) -> list[Object]:
    """The pod templates."""
    return [each["spec"]["template"] for each in objects if each["kind"] in ("Deployment", "Job")]


def containers(objects: list[Object]) -> list[Object]:
    return [
        container
        for pod in pods(objects)
        for container in (*pod["spec"].get("initContainers", []), *pod["spec"]["containers"])
    ]


@pytest.fixture(scope="module")
def schemas() -> ModuleType:
    """The schemas of Kubernetes (Apache 2.0), in a package that only `make test-all` installs: they
    take 100 MB."""
    return importlib.import_module("kubernetes_validate")


@pytest.mark.parametrize("version", ["1.25", "1.32", "1.37"])
def test_every_object_is_valid_by_the_schemas_of_kubernetes(
    objects: list[Object], version: str, schemas: ModuleType
) -> None:
    for each in objects:
        schemas.validate(each, version, strict=True)


def test_the_schemas_see_a_misspelt_field(schemas: ModuleType) -> None:
    wrong = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"port": 1}}
    with pytest.raises(schemas.ValidationError):
        schemas.validate(wrong, "1.32", strict=True)


def test_an_overlay_has_these_objects_in_one_namespace(objects: list[Object], overlay: str) -> None:
    assert {each["kind"] for each in objects} == KINDS[overlay]
    namespaces = {
        each["metadata"].get("namespace") for each in objects if each["kind"] != "Namespace"
    }
    assert namespaces == {only_object(objects, "Namespace")["metadata"]["name"]}


def test_selectors_choose_the_pods_that_they_mean(objects: list[Object]) -> None:
    def chosen(labels: dict[str, str]) -> list[str]:
        return [
            pod["spec"]["containers"][0]["name"] for pod in pods(objects)
            if labels.items() <= pod["metadata"]["labels"].items()
        ]  # fmt: skip

    for deployment in of_kind(objects, "Deployment"):
        labels = deployment["spec"]["selector"]["matchLabels"]
        assert chosen(labels) == [deployment["metadata"]["name"]]
    assert chosen(only_object(objects, "Service")["spec"]["selector"]) == ["web"]
    for budget in of_kind(objects, "PodDisruptionBudget"):
        assert chosen(budget["spec"]["selector"]["matchLabels"]) == ["web"]
    everybody = only_object(objects, "NetworkPolicy", "inventory-hub")["spec"]
    assert len(chosen(everybody["podSelector"]["matchLabels"])) == len(pods(objects))
    assert everybody["policyTypes"] == ["Ingress"] and "ingress" not in everybody
    door = only_object(objects, "NetworkPolicy", "web")["spec"]
    assert chosen(door["podSelector"]["matchLabels"]) == ["web"]
    for scaler in of_kind(objects, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        assert "replicas" not in only_object(objects, target["kind"], target["name"])["spec"]


def test_ports_lead_from_the_ingress_to_the_dashboard(objects: list[Object]) -> None:
    service = only_object(objects, "Service")
    (path,) = only_object(objects, "Ingress")["spec"]["rules"][0]["http"]["paths"]
    backend = path["backend"]["service"]
    assert backend["name"] == service["metadata"]["name"]
    (port,) = service["spec"]["ports"]
    assert port["name"] == backend["port"]["name"]
    web = only_object(objects, "Deployment", "web")["spec"]["template"]["spec"]["containers"][0]
    assert {each["name"]: each["containerPort"] for each in web["ports"]} == {"http": 8050}
    assert port["targetPort"] == "http" and load({}).port == 8050
    (door,) = only_object(objects, "NetworkPolicy", "web")["spec"]["ingress"]
    assert door["ports"] == [{"port": "http"}] and door["from"]


def test_the_dashboard_is_asked_whether_it_is_well(objects: list[Object]) -> None:
    web = only_object(objects, "Deployment", "web")["spec"]["template"]["spec"]["containers"][0]
    for probe in ("startupProbe", "readinessProbe"):
        assert web[probe]["httpGet"] == {"path": "/api/health", "port": "http"}
    # A database that is gone is no reason to start a new process.
    assert web["livenessProbe"]["tcpSocket"] == {"port": "http"}


def test_pods_meet_the_restricted_standard_and_say_what_they_need(objects: list[Object]) -> None:
    namespace = only_object(objects, "Namespace")["metadata"]["labels"]
    assert namespace["pod-security.kubernetes.io/enforce"] == "restricted"
    for pod in pods(objects):
        spec = pod["spec"]
        assert spec["enableServiceLinks"] is False
        assert spec["automountServiceAccountToken"] is False
        assert (
            spec["serviceAccountName"] == only_object(objects, "ServiceAccount")["metadata"]["name"]
        )
        security = spec["securityContext"]
        assert security["runAsNonRoot"] and security["runAsUser"] == user_of_the_image()
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(objects):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}


def user_of_the_image() -> int:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    (user,) = [line.split()[1] for line in lines if line.startswith("USER ")]
    return int(user.partition(":")[0])


def test_what_a_pod_names_is_there(objects: list[Object]) -> None:
    names = {(each["kind"], each["metadata"]["name"]) for each in objects}
    for pod in pods(objects):
        volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
        for volume in volumes.values():
            if claim := volume.get("persistentVolumeClaim"):
                assert ("PersistentVolumeClaim", claim["claimName"]) in names
        for container in containers([{"kind": "Job", "spec": {"template": pod}}]):
            for source in container["envFrom"]:
                kind = "ConfigMap" if "configMapRef" in source else "Secret"
                (reference,) = source.values()
                assert (kind, reference["name"]) in names
            assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes)


def test_containers_run_one_version_of_commands_that_exist(objects: list[Object]) -> None:
    (image,) = {container["image"] for container in containers(objects)}
    assert not image.endswith(":latest") and ":" in image.rpartition("/")[2]
    for container in containers(objects):
        program, command, *arguments = container.get("command", ["inventory-hub", "serve"])
        assert program == "inventory-hub"
        main.commands[command].make_context(command, arguments)


def test_what_the_pods_get_are_settings_that_work(objects: list[Object], overlay: str) -> None:
    data = only_object(objects, "Secret")["data"]
    environment = only_object(objects, "ConfigMap")["data"] | {
        name: base64.b64decode(value).decode() for name, value in data.items()
    }
    settings = load(environment)
    assert settings.secret_key == SECRETS["SECRET_KEY"]
    assert settings.database.get_backend_name() == overlay
    assert settings.public_url and settings.trusted_proxies
    known = (ROOT / ".env.example").read_text()
    named = [*environment, *example_names()]
    assert [name for name in named if f"#{name}=" not in known] == []


def example_names() -> list[str]:
    text = (ROOT / "deploy" / "kubernetes" / "secret.env.example").read_text()
    return [line.partition("=")[0] for line in text.splitlines()]


def test_there_is_never_a_second_worker(objects: list[Object]) -> None:
    workers = [
        deployment for deployment in of_kind(objects, "Deployment")
        for container in deployment["spec"]["template"]["spec"]["containers"]
        if container.get("command") == ["inventory-hub", "worker"]
    ]  # fmt: skip
    (holder,) = workers
    assert holder["spec"]["replicas"] == 1
    assert holder["spec"]["strategy"] == {"type": "Recreate"}


def test_git_ignores_the_secrets() -> None:
    for path in ("deploy/kubernetes/sqlite/secret.env", "secrets/secret_key"):
        ignored = subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT)
        assert ignored.returncode == 0, Path(path)
