"""The deployment's files as they stand: every service starts in order, is watched, and holds no secret."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SERVERS = {"postgres", "mlflow", "code", "webserver", "daemon"}
ONE_SHOT = {"migrate-dagster", "migrate-mlflow"}


def test_services(compose):
    assert set(compose) == SERVERS | ONE_SHOT


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_a_server_is_watched_and_restarted(compose, name):
    raw = compose[name].raw
    assert compose[name].probe[0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries"} <= set(raw["healthcheck"])
    assert raw["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(ONE_SHOT))
def test_a_migration_runs_once(compose, name):
    assert compose[name].raw["restart"] == "no"
    assert compose[name].depends_on == {"postgres": "service_healthy"}


def test_services_wait_for_what_they_need(compose):
    depends_on = {name: service.depends_on for name, service in compose.items()}
    assert depends_on["mlflow"] == {"migrate-mlflow": "service_completed_successfully"}
    assert depends_on["code"] == {
        "migrate-dagster": "service_completed_successfully",
        "mlflow": "service_healthy",
    }
    assert depends_on["webserver"] == depends_on["daemon"] == {"code": "service_healthy"}
    # A service is waited for as healthy only if it is watched, as completed only if it ends.
    for service in compose.values():
        for other, condition in service.depends_on.items():
            assert (condition == "service_healthy") == (other in SERVERS)


def test_every_variable_is_documented_and_none_has_a_default(compose_variables):
    text = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", text))
    assert used == set(compose_variables)
    assert not re.findall(r"\$\{\w+:?[-+]", text), "a variable with a default would start without its secret"
    assert not re.findall(r"(?<!\$)\$\w", text), "a bare $VARIABLE is replaced by nothing when it is missing"


def test_secrets_come_from_the_environment_only(compose):
    example = (ROOT / ".env.example").read_text()
    assert re.search(r"^POSTGRES_PASSWORD=$", example, re.MULTILINE)
    for service in compose.values():
        assert "s3cret" not in " ".join(map(str, [*service.command, *service.probe])), (
            "visible in the process list"
        )
    users = {name for name, service in compose.items() if "s3cret" in str(service.environment)}
    assert users == set(compose)  # and each gets it from .env, as the variables' test says


def test_ports_are_published_on_the_loopback_interface_only(compose):
    ports = [port for service in compose.values() for port in service.raw.get("ports", [])]
    assert sorted(ports) == ["127.0.0.1:3000:3000", "127.0.0.1:5000:5000"]


def test_named_volumes_are_declared_and_used(compose):
    declared = set(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["volumes"])
    mounts = [mount for service in compose.values() for mount in service.raw.get("volumes", [])]
    assert {mount.split(":")[0] for mount in mounts if mount[0] not in "./"} == declared
    for source in (mount.split(":")[0] for mount in mounts if mount.startswith("./")):
        assert (ROOT / source).exists(), source


def test_only_the_code_server_opens_the_warehouse_folders(compose):
    holders = {
        name
        for name, service in compose.items()
        if any(":/data/published" in mount for mount in service.raw.get("volumes", []))
    }
    assert holders == {"code"}


def test_telemetry_is_off_everywhere(compose):
    for name in SERVERS | ONE_SHOT:
        environment = compose[name].environment
        if compose[name].command[:1] == ["dagster"] or name in {"webserver", "daemon"}:
            assert environment["DAGSTER_DISABLE_TELEMETRY"] == "yes"
            assert environment["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"
        if name != "postgres":
            assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert yaml.safe_load((ROOT / "deploy/dagster.yaml").read_text())["telemetry"] == {"enabled": False}


def test_commands_are_installed(compose):
    for service in compose.values():
        for command in (service.command, service.probe[1:] if service.probe[:1] == ["CMD"] else []):
            assert not command or shutil.which(command[0], path=f"{BIN}:{os.defpath}"), command


def test_instance_settings_are_all_given(compose):
    """Each variable deploy/dagster.yaml reads is set for every service that opens the instance."""
    needed = set(re.findall(r"env: (\w+)", (ROOT / "deploy/dagster.yaml").read_text()))
    assert needed >= {"DAGSTER_POSTGRES_PASSWORD", "DAGSTER_COMPUTE_LOGS"}
    for name in ("migrate-dagster", "code", "webserver", "daemon"):
        assert needed <= set(compose[name].environment), name


def test_instance_keeps_one_writer_and_frees_its_place():
    instance = yaml.safe_load((ROOT / "deploy/dagster.yaml").read_text())
    assert instance["storage"]["postgres"]["postgres_db"]["scheme"] == "postgresql+psycopg2"
    assert instance["concurrency"]["pools"] == {"granularity": "op", "default_limit": 1}
    assert instance["run_monitoring"]["enabled"]
    assert instance["run_monitoring"]["free_slots_after_run_end_seconds"] > 0


def test_workspaces_name_the_same_location(compose):
    local = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"][0]["python_module"]
    served = yaml.safe_load((ROOT / "deploy/workspace.yaml").read_text())["load_from"][0]["grpc_server"]
    command = compose["code"].command
    assert served["location_name"] == local["location_name"] == command[command.index("--location-name") + 1]
    assert local["module_name"] == command[command.index("--module-name") + 1]
    assert served["host"] in compose
    assert str(served["port"]) == command[command.index("--port") + 1]


def copied(dockerfile: str) -> list[str]:
    """What the COPY lines of a Dockerfile take from the repository."""
    lines = re.findall(r"^COPY (.+)$", dockerfile.replace("\\\n", " "), re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def test_the_image_copies_what_exists_and_what_it_needs():
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    sources = copied(dockerfile)
    assert not [source for source in sources if not (ROOT / source).exists()]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line[1:] for line in ignored if line.startswith("!")}
    assert not [s for s in sources if s.split("/")[0] not in kept and not s.startswith("requirements-")]
    assert {"mmm_core", "assets", "orchestration", "dbt_project", "models"} <= set(sources)
    assert "--require-hashes" in dockerfile
    assert re.search(r"^USER (?!root)", dockerfile, re.MULTILINE)
    assert copied("COPY a b \\\n  c d\nRUN x") == ["a", "b", "c"]
