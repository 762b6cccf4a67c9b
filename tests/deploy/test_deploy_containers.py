"""deploy/compose and deploy/kubernetes: right by the schemas, with files and commands that exist."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import ComposeSpecification
from typer.testing import CliRunner

from shouwang.cli.main import app
from shouwang.platform.platform import MODULES
from shouwang.setup.environment import parse

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
COMPOSE = DEPLOY / "compose"
KUBERNETES_VERSION = "1.30"
WORKLOADS = ("Deployment", "StatefulSet", "Job")


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The file of Compose in a folder that was prepared as its guide says."""
    folder = prepared(COMPOSE, tmp_path_factory.mktemp("compose"))
    (folder / "state/superuser").write_text("secret")
    return yaml.safe_load((folder / "compose.yaml").read_text()), folder


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Every object that ``kubectl apply -k`` would send."""
    kubectl = shutil.which("kubectl") or shutil.which("kustomize")
    if kubectl is None:
        pytest.skip("no kubectl here: install it to build the manifests")
    folder = prepared(DEPLOY / "kubernetes", tmp_path_factory.mktemp("kubernetes"))
    words = [kubectl, "kustomize" if "kubectl" in kubectl else "build", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def prepared(source: Path, folder: Path) -> Path:
    """A copy of the folder, with the state that ``shouwang setup --root state`` makes."""
    copy = folder / "work"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("state"))
    (copy / "state/etc/shouwang").mkdir(parents=True)
    shutil.copy(copy / "setup.toml", copy / "state/etc/shouwang/setup.toml")
    done = CliRunner().invoke(app, ["setup", "--root", str(copy / "state")])
    assert done.exit_code == 0, done.output
    return copy


def runs(words: list[str]) -> None:
    """Whether ``python -m`` with these words is a program of ours."""
    module, *rest = words
    if not rest:
        assert (REPOSITORY / Path(*module.split(".")) / "__main__.py").exists(), module
        return
    commands = [word for word in rest if re.fullmatch(r"[a-z-]+", word) and not word.startswith("-")]
    done = subprocess.run([sys.executable, "-m", module, *commands, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [word for word in rest if word.startswith("--") and word not in done.stdout] == []


def test_compose_is_right_by_its_specification(compose: tuple[dict[str, Any], Path]) -> None:
    content, _ = compose
    ComposeSpecification.model_validate(json.loads(json.dumps(content)))


def test_every_file_that_compose_names_is_there(compose: tuple[dict[str, Any], Path]) -> None:
    content, folder = compose
    files = [one["file"] for sort in ("secrets", "configs") for one in content[sort].values()]
    files += [file for service in content["services"].values() for file in service.get("env_file", [])]
    assert [file for file in files if not (folder / file).exists()] == []
    named = {one["source"] for service in content["services"].values() for one in service.get("secrets", [])}
    assert named == set(content["secrets"])


def test_every_service_runs_in_compose_with_a_probe(compose: tuple[dict[str, Any], Path]) -> None:
    content, _folder = compose
    ours = {name: one for name, one in content["services"].items() if one["image"] == "shouwang"}
    assert {one["command"][0] for one in ours.values()} >= set(MODULES.values())
    for name, one in ours.items():
        runs(one["command"])
        assert "privileged" not in one
        if one["command"][0] in MODULES.values():
            assert "/live" in " ".join(one["healthcheck"]["test"]), name
    for name, one in content["services"].items():
        assert one.get("healthcheck"), name
        assert one["restart"] in ("always", "on-failure"), name


def test_a_container_sees_the_files_that_its_settings_name_and_no_others_key(
    compose: tuple[dict[str, Any], Path],
) -> None:
    content, folder = compose
    for name, one in content["services"].items():
        if one["image"] != "shouwang":
            continue
        settings: dict[str, str] = {}
        for file in one["env_file"]:
            settings |= parse((folder / file).read_text())
        settings |= {key: str(value) for key, value in one.get("environment", {}).items()}
        targets = {secret["target"] for secret in one["secrets"]}
        wanted = {value for key, value in settings.items() if key.endswith(("_CA", "_CERT", "_KEY", "_FILE"))}
        if "migrate" not in name:
            assert {value for value in wanted if value.startswith("/etc/shouwang")} <= targets, name
        keys = {target for target in targets if target.endswith((".key", ".keys", ".pem"))}
        assert keys <= wanted | {"/etc/shouwang/keys/push.pem"}, name


def test_the_image_holds_every_package(compose: tuple[dict[str, Any], Path]) -> None:
    text = (COMPOSE / "Dockerfile").read_text()
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert [name for name in packages if f"COPY {name} ./{name}" not in text] == []
    assert "USER shouwang" in text


def test_manifests_are_right_by_the_schemas(manifests: list[dict[str, Any]]) -> None:
    import kubernetes_validate  # loads for two seconds, which every process of the tests would pay for

    assert len(manifests) > 20
    for one in manifests:
        kubernetes_validate.validate(one, KUBERNETES_VERSION, strict=True)


def test_every_service_runs_in_kubernetes(manifests: list[dict[str, Any]]) -> None:
    workloads = {one["metadata"]["name"]: one for one in manifests if one["kind"] in WORKLOADS}
    budgets = {one["metadata"]["name"] for one in manifests if one["kind"] == "PodDisruptionBudget"}
    secrets = {one["metadata"]["name"]: one for one in manifests if one["kind"] == "Secret"}
    assert workloads.keys() >= set(MODULES)
    assert workloads["ingest"]["kind"] == "StatefulSet"
    for name, one in workloads.items():
        spec = one["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        runs(container["command"][2].split("python -m ")[1].split())
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert container["resources"]["limits"]["memory"]
        if name in MODULES:
            assert container["livenessProbe"]["httpGet"]["path"] == "/live"
            assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
        if one["spec"].get("replicas", 1) > 1:
            assert name in budgets
            assert spec["affinity"]["podAntiAffinity"]
        (volume,) = (volume for volume in spec["volumes"] if "secret" in volume)
        secret = secrets[volume["secret"]["secretName"]]
        assert {item["key"] for item in volume["secret"]["items"]} == set(secret["data"])


def test_a_pods_files_are_those_that_its_settings_name(tmp_path: Path, manifests: list[dict[str, Any]]) -> None:
    """The command of the init container and the shell around each program, run by hand."""
    import base64

    secrets = {one["metadata"]["name"]: one for one in manifests if one["kind"] == "Secret"}
    for one in (one for one in manifests if one["kind"] in WORKLOADS):
        name, spec = one["metadata"]["name"], one["spec"]["template"]["spec"]
        (volume,) = (volume for volume in spec["volumes"] if "secret" in volume)
        mounted, files = tmp_path / name / "mounted", tmp_path / name / "files"
        files.mkdir(parents=True)
        for item in volume["secret"]["items"]:
            file = mounted / item["path"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(base64.b64decode(secrets[volume["secret"]["secretName"]]["data"][item["key"]]))
            file.chmod(0o440)
        places = (("/run/secrets/shouwang", str(mounted)), ("/etc/shouwang", str(files)))

        def by_hand(script: str, places: tuple[tuple[str, str], ...] = places) -> str:
            for inside, outside in places:
                script = script.replace(inside, outside)
            return script

        subprocess.run(["sh", "-c", by_hand(spec["initContainers"][0]["command"][2])], check=True)
        assert all(file.stat().st_mode & 0o077 == 0 for file in files.rglob("*") if file.is_file())
        script = by_hand(spec["containers"][0]["command"][2])
        shown = subprocess.run(
            ["sh", "-c", script.split("exec python")[0] + "env"], capture_output=True, text=True, check=True
        ).stdout
        settings = dict(line.split("=", 1) for line in shown.splitlines() if line.startswith("SHOUWANG_"))
        assert "sslmode=verify-full" in settings["SHOUWANG_DATABASE_URL"]
        settings |= {entry["name"]: entry.get("value", "") for entry in spec["containers"][0].get("env", [])}
        named = {value for key, value in settings.items() if key.endswith(("_CA", "_CERT", "_KEY", "_FILE"))}
        if name != "migrate":
            assert [value for value in named if not Path(by_hand(value)).exists()] == [], name
