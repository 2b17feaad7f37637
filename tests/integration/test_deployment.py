"""The deployment runs: the compose file's own commands and probes, as processes against a real PostgreSQL."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.postgres import free_ports, initialised, postgres_programs
from tests.waiting import HANGS, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.integration]

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PORTS = {"postgres": "5432", "mlflow": "5000", "code": "4000", "webserver": "3000"}


@dataclass
class Deployment:
    """The services of the compose file as processes on the loopback interface."""

    compose: dict
    folder: Path  # ours: the data volume, logs
    ports: dict[str, str]
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """A string of the compose file with its ports and folders replaced by this machine's."""
        for name, port in PORTS.items():
            text = re.sub(rf"\b{port}\b", self.ports[name], text)
        text = text.replace("0.0.0.0", "127.0.0.1").replace("/opt/dagster", str(self.folder / "dagster_home"))
        text = re.sub(r"(^|=)/(data|artifacts)\b", rf"\1{self.folder}/\2", text)
        return text.replace("deploy/workspace.yaml", str(self.folder / "workspace.yaml"))

    def environment(self, name: str) -> dict[str, str]:
        hosts = "|".join(PORTS)
        ours = {
            key: re.sub(rf"(?<=[@/])({hosts})(?=:)|^({hosts})$", "127.0.0.1", self.here(value))
            for key, value in self.compose[name].environment.items()
        }
        kept = {key: os.environ[key] for key in ("HOME", "LANG", "TMPDIR", "NO_PROXY") if key in os.environ}
        return kept | {"PATH": f"{BIN}:/usr/bin:/bin", "PYTHONUNBUFFERED": "1"} | ours

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()[-4000:]

    def run_to_its_end(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            command = [self.here(part) for part in self.compose[name].command]
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=self.environment(name),
                stdout=log,
                stderr=log,
                timeout=HANGS,
                check=False,
            )
        assert done.returncode == 0, self.log(name)

    def start(self, name: str, command: list[str] | None = None, **how: object) -> None:
        command = command or [self.here(part) for part in self.compose[name].command]
        how = {"cwd": ROOT, "env": self.environment(name)} | how
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **how
            )

    def probe(self, name: str) -> subprocess.CompletedProcess:
        kind, *command = self.compose[name].probe
        command = [self.here(part) for part in command]
        command = ["sh", "-c", *command] if kind == "CMD-SHELL" else command
        environment = self.environment(name)
        environment["PATH"] = f"{environment['PATH']}:{postgres_programs()}"
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    def wait_until_healthy(self, name: str) -> None:
        def ended() -> bool:
            return self.processes[name].poll() is not None

        wait_for(lambda: ended() or self.probe(name).returncode == 0, said=lambda: self.log(name), every=1)
        assert not ended(), f"{name} ended: {self.log(name)}"

    def stop(self, name: str, with_signal: int = signal.SIGTERM) -> None:
        process = self.processes.pop(name)
        for chosen, patience in ((with_signal, 30), (signal.SIGKILL, 10)):
            try:
                os.killpg(process.pid, chosen)
                process.wait(patience)
                break
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue

    def ask(self, query: str, **variables: object) -> dict:
        """One GraphQL request to the webserver."""
        answer = self.http(
            f"http://127.0.0.1:{self.ports['webserver']}/graphql",
            {"Content-Type": "application/json"},
            json.dumps({"query": query, "variables": variables}).encode(),
        )
        body = json.loads(answer)
        assert "errors" not in body, body["errors"]
        return body["data"]

    def http(self, url: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> str:
        request = urllib.request.Request(url, data=body, headers=headers or {})
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.read().decode()


@pytest.fixture(scope="module")
def database(compose, compose_variables, tmp_path_factory) -> Iterator[Deployment]:
    """A deployment of which only PostgreSQL runs, set up by the script the compose file mounts."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL on this machine (apt-get install postgresql)")
    folder = tmp_path_factory.mktemp("deployment")
    deployment = Deployment(compose, folder, dict(zip(PORTS, free_ports(len(PORTS)), strict=True)))
    state = Path(tempfile.mkdtemp(prefix="carryover-postgres-"))  # pytest's folders are closed to other users
    try:
        name = compose_variables["POSTGRES_USER"]
        user = initialised(state, name, compose_variables["POSTGRES_PASSWORD"])
        server = [
            programs / "postgres",
            "-D",
            state / "data",
            "-k",
            state,
            "-p",
            deployment.ports["postgres"],
        ]
        deployment.start("postgres", [*map(str, server), "-c", "listen_addresses=127.0.0.1"], **user)
        deployment.wait_until_healthy("postgres")
        address = ["-h", "127.0.0.1", "-p", deployment.ports["postgres"], "-U", name, "-d", "postgres"]
        subprocess.run(
            [programs / "psql", *address, "-q", "-v", "ON_ERROR_STOP=1", "-f", ROOT / "deploy/databases.sql"],
            env={"PGPASSWORD": compose_variables["POSTGRES_PASSWORD"]},
            check=True,
        )
        yield deployment
    finally:
        if "postgres" in deployment.processes:
            deployment.stop("postgres", signal.SIGINT)
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture(scope="module")
def deployment(database) -> Iterator[Deployment]:
    """Everything up, in the order the compose file asks for, with the sample world's exports landed."""
    folder, ports = database.folder, database.ports
    (folder / "dagster_home").mkdir()
    shutil.copy(ROOT / "deploy/dagster.yaml", folder / "dagster_home/dagster.yaml")
    workspace = (ROOT / "deploy/workspace.yaml").read_text()
    (folder / "workspace.yaml").write_text(
        workspace.replace("host: code", "host: 127.0.0.1").replace("port: 4000", f"port: {ports['code']}")
    )
    started = []
    try:
        for name in ("migrate-dagster", "migrate-mlflow"):
            database.run_to_its_end(name)
        for name in ("mlflow", "code", "webserver", "daemon"):
            database.start(name)
            started.append(name)
            if name != "webserver":  # starts up while the daemon does
                database.wait_until_healthy(name)
        database.wait_until_healthy("webserver")
        yield database
    finally:
        for name in started:  # all at once: some take their time
            os.killpg(database.processes[name].pid, signal.SIGTERM)
        for name in reversed(started):
            database.stop(name)


def test_postgres_asks_for_the_password(database, compose_variables):
    psql, port, user = (
        postgres_programs() / "psql",
        database.ports["postgres"],
        compose_variables["POSTGRES_USER"],
    )
    command = [psql, "-w", "-h", "127.0.0.1", "-p", port, "-U", user, "-d", "mlflow", "-c", "select 1"]
    for password, refused in ((compose_variables["POSTGRES_PASSWORD"], False), ("wrong", True)):
        done = subprocess.run(
            command, env={"PGPASSWORD": password}, capture_output=True, text=True, check=False
        )
        assert bool(done.returncode) == refused, done.stderr


def test_a_service_that_is_away_is_not_healthy(database):
    for name in ("mlflow", "code", "webserver"):
        assert database.probe(name).returncode, name


def loaded_assets(deployment: Deployment) -> set[str]:
    """Names of the assets that the webserver got from the code server."""
    answer = deployment.ask(
        "{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {"
        " __typename ... on PythonError { message } } } } } assetNodes { assetKey { path } } }"
    )
    (location,) = answer["workspaceOrError"]["locationEntries"]
    assert location["name"] == "carryover"
    error = location["locationOrLoadError"].get("message")
    assert not error, error
    return {node["assetKey"]["path"][-1] for node in answer["assetNodes"]}


def test_the_webserver_serves_the_code_location_and_its_assets(deployment):
    assets = loaded_assets(deployment)
    assert {"reference__exchange_rates", "mmm_model_table", "mmm_posterior", "budget_allocation"} <= assets


def test_the_daemons_are_healthy_and_the_pools_hold_one(deployment):
    answer = deployment.ask(
        "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } }"
        " poolConfig { poolGranularity defaultPoolLimit } runMonitoring: info } }"
    )["instance"]
    unwell = [
        d for d in answer["daemonHealth"]["allDaemonStatuses"] if d["required"] and d["healthy"] is False
    ]
    assert not unwell
    assert answer["poolConfig"] == {"poolGranularity": "op", "defaultPoolLimit": 1}


def test_mlflow_answers_under_its_own_names_only(deployment):
    port = deployment.ports["mlflow"]
    url = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/search?max_results=1"
    for host in (f"mlflow:{port}", f"localhost:{port}"):
        assert "experiments" in deployment.http(url, {"Host": host})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        deployment.http(url, {"Host": f"elsewhere.example:{port}"})


def test_artifacts_travel_through_the_server_to_its_volume(deployment, monkeypatch, tmp_path):
    import mlflow

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    client = mlflow.MlflowClient(f"http://127.0.0.1:{deployment.ports['mlflow']}")
    run = client.create_run(client.create_experiment("mmm/example"))
    client.log_text(run.info.run_id, "0.7", "curve.txt")
    (kept,) = (deployment.folder / "artifacts").rglob("curve.txt")
    assert kept.read_text() == "0.7"
    fetched = client.download_artifacts(run.info.run_id, "curve.txt", str(tmp_path))
    assert Path(fetched).read_text() == "0.7"


def test_tables_are_in_postgres(deployment, compose_variables):
    import sqlalchemy as sa

    address = deployment.environment("migrate-mlflow")["MLFLOW_BACKEND_STORE_URI"]
    for database, table in (("mlflow", "registered_models"), ("dagster", "event_logs")):
        engine = sa.create_engine(sa.make_url(address).set(database=database))
        assert sa.inspect(engine).has_table(table), (database, table)
        engine.dispose()


def test_an_export_that_lands_is_loaded_by_a_run_of_its_own(deployment):
    """Sensor and queue in the daemon, the run in the code server's container, its events in PostgreSQL."""
    assert "reference__exchange_rates" in loaded_assets(deployment)
    landing = deployment.folder / "data/landing/reference/exchange_rates"
    landing.mkdir(parents=True)
    rates = "week_start,currency,rate_to_usd\n2024-01-01,USD,1.0\n2024-01-01,EUR,1.1\n2024-01-08,EUR,1.2\n"
    (landing / ".2024.csv.partial").write_text(rates)
    (landing / ".2024.csv.partial").rename(landing / "2024.csv")
    query = (
        "{ runsOrError(limit: 20) { ... on Runs { results { runId status"
        " assetMaterializations { assetKey { path } metadataEntries { label ... on IntMetadataEntry { intValue } }"
        " } } } } }"
    )

    def loads_that_are_done() -> list[dict]:
        runs = deployment.ask(query)["runsOrError"]["results"]
        assert not [run for run in runs if run["status"] == "FAILURE"], deployment.log("code")
        return [run for run in runs if run["status"] == "SUCCESS" and run["assetMaterializations"]]

    loads = wait_for(loads_that_are_done, said=lambda: deployment.log("daemon"), every=2)
    table = ["raw", "reference__exchange_rates"]
    (made,) = [made for made in loads[0]["assetMaterializations"] if made["assetKey"]["path"] == table]
    counts = {entry["label"]: entry.get("intValue") for entry in made["metadataEntries"]}
    assert counts["dagster/row_count"] == 3
    logs = list((deployment.folder / "data/dagster/compute_logs").rglob("*.out"))
    assert logs, "the run left no log on the volume that the webserver reads"


ON_THE_TERMINAL = """
import dagster as dg
from orchestration.terminal_runs import execute

job = dg.build_reconstructable_job("orchestration.definitions", "job_named", ("ingest",))
table = dg.AssetKey(["raw", "reference__exchange_rates"])
print("run", execute(job, dg.DagsterInstance.get(), {}, {}, [table]).dagster_run.run_id)
"""


def test_a_run_of_a_terminal_can_be_executed_again_from_its_page(deployment):
    """The webserver knows its code location; what it inherits does not make the repeat a run of the dead process."""
    done = subprocess.run(
        [sys.executable, "-c", ON_THE_TERMINAL],
        cwd=ROOT, env=deployment.environment("code"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first = re.search(r"^run (\S+)$", done.stdout, re.MULTILINE)[1]
    (found,) = deployment.ask(
        "query ($id: String!) { runsOrError(filter: {runIds: [$id]}) { ... on Runs { results {"
        " status repositoryOrigin { repositoryName repositoryLocationName } } } } }",
        id=first,
    )["runsOrError"]["results"]
    assert found == {
        "status": "SUCCESS",
        "repositoryOrigin": {"repositoryName": "__repository__", "repositoryLocationName": "carryover"},
    }
    again = deployment.ask(
        "mutation ($id: String!) { launchRunReexecution(reexecutionParams: {parentRunId: $id, strategy: ALL_STEPS}) {"
        " __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }",
        id=first,
    )["launchRunReexecution"]
    assert again["__typename"] == "LaunchRunSuccess", again
    query = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"

    def ended() -> str | None:
        status = deployment.ask(query, id=again["run"]["runId"])["runOrError"]["status"]
        return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

    assert wait_for(ended, said=lambda: deployment.log("daemon"), every=1) == "SUCCESS", deployment.log(
        "code"
    )
