"""`make ui`: Dagster (webserver and daemon) with MLflow beside it, on this machine only."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from rich.text import Text

from assets.resources.settings import REPOSITORY
from orchestration import environments as env
from orchestration import resources
from orchestration.company import refused_sources
from orchestration.instance import prepare
from orchestration.terminal import plain_console

HOST = "127.0.0.1"
BIN = Path(sys.executable).parent
START_SECONDS = 120
STARTING = (
    "Starting Dagster (code server, webserver, daemon) and MLflow: their addresses follow in some 25 to 40 s, later "
    "where other work shares the machine."
)


def main() -> int:
    if code := refused_sources():
        return code
    console = plain_console()
    console.print(STARTING)
    mlflow_port, dagster_port = free_port(5000), free_port(3000)
    os.environ.setdefault("MMM_MLFLOW_UI", f"http://{HOST}:{mlflow_port}")
    os.environ.setdefault("MMM_DAGSTER_UI", f"http://{HOST}:{dagster_port}")
    with console.status("preparing the instance"):
        prepare(resources.warehouse(), resources.tracking())
    logs = env.paths().root / "logs"
    logs.mkdir(exist_ok=True)
    services = Services(logs)
    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal leaves no service behind
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        with console.status(Text(f"starting; logs are in {logs}")):
            code_port = free_port(4000)
            workspace = write_workspace(code_port)
            services.start("mlflow", mlflow_command(mlflow_port))
            services.start(
                "code-server",
                [
                    *[BIN / "dagster", "code-server", "start", "-h", HOST, "-p", str(code_port)],
                    *["-m", "orchestration.definitions", "--location-name", "carryover"],
                ],
            )
            services.wait_for_port("code-server", code_port)
            services.start(
                "webserver", [BIN / "dagster-webserver", "-h", HOST, "-p", str(dagster_port), "-w", workspace]
            )
            services.start("daemon", [BIN / "dagster-daemon", "run", "-w", workspace])
            services.wait_for_page("webserver", f"http://{HOST}:{dagster_port}/server_info")
            services.wait_for_page("mlflow", f"http://{HOST}:{mlflow_port}/health")
        console.print(Text.assemble(("Dagster", "bold"), f"  http://{HOST}:{dagster_port}"))
        console.print(Text.assemble(("MLflow", "bold"), f"   http://{HOST}:{mlflow_port}"))
        console.print(f"data in {env.paths().root}, logs in {logs}; Ctrl-C stops everything", style="dim")
        ended = services.wait()
        console.print(f"{ended} ended; see {logs / ended}.log", style="red")
        return 1
    except KeyboardInterrupt:
        return 0
    except ServiceFailed as failure:
        console.print(str(failure), style="red")
        return 1
    finally:
        with console.status("stopping"):
            services.stop()


class ServiceFailed(RuntimeError):
    """A service ended, or did not answer in time."""


class Services:
    """Child processes, each with a log file, stopped together."""

    def __init__(self, logs: Path):
        self.logs = logs
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: list[str | Path]) -> None:
        with (self.logs / f"{name}.log").open("wb") as log:
            # A session of its own: Ctrl-C reaches us alone, and we stop the services in order.
            self.running[name] = subprocess.Popen(
                [str(part) for part in command],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=REPOSITORY,
                start_new_session=True,
            )

    def wait_for_port(self, name: str, port: int) -> None:
        def answers() -> bool:
            with socket.socket() as connection:
                return connection.connect_ex((HOST, port)) == 0

        self._wait_until(name, answers)

    def wait_for_page(self, name: str, url: str) -> None:
        def answers() -> bool:
            try:
                with urllib.request.urlopen(url, timeout=5):
                    return True
            except (urllib.error.URLError, OSError):
                return False

        self._wait_until(name, answers)

    def _wait_until(self, name: str, answers) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not answers():
            if self.running[name].poll() is not None:
                raise ServiceFailed(f"{name} ended while starting; see {self.logs / name}.log")
            if time.monotonic() > deadline:
                raise ServiceFailed(
                    f"{name} did not answer within {START_SECONDS} s; see {self.logs / name}.log"
                )
            time.sleep(0.3)

    def wait(self) -> str:
        """Block until a service ends; its name."""
        while True:
            for name, process in self.running.items():
                if process.poll() is not None:
                    return name
            time.sleep(1)

    def stop(self) -> None:
        """Interrupt every service, the last started first, and end what does not stop."""
        for process in reversed(self.running.values()):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
        deadline = time.monotonic() + 20
        for process in self.running.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def mlflow_command(port: int) -> list[str | Path]:
    artifacts = env.paths().mlflow / "artifacts"
    return [
        *[BIN / "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"],
        *["--backend-store-uri", env.mlflow_uri(), "--artifacts-destination", str(artifacts)],
    ]


def write_workspace(code_port: int) -> Path:
    """One code server for webserver and daemon, as in a deployment."""
    path = env.paths().root / "workspace.yaml"
    path.write_text(
        f"load_from:\n  - grpc_server: {{host: {HOST}, port: {code_port}, location_name: carryover}}\n"
    )
    return path


def free_port(first: int) -> int:
    """`first`, or the next port that nothing listens on."""
    for port in range(first, first + 50):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) != 0:
                return port
    raise ServiceFailed(f"no free port from {first} on")


if __name__ == "__main__":
    sys.exit(main())
