"""A PostgreSQL server of its own for tests, on the loopback interface."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import wait_for


def postgres_programs() -> Path | None:
    """Folder of initdb and postgres: Debian keeps them off the PATH, one folder a version."""
    debian = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), default=None)
    on_path = shutil.which("initdb")
    return debian or (Path(on_path).resolve().parent if on_path else None)


def free_ports(count: int) -> list[str]:
    sockets = [socket.socket() for _ in range(count)]
    for held in sockets:
        held.bind(("127.0.0.1", 0))
    ports = [str(held.getsockname()[1]) for held in sockets]
    for held in sockets:
        held.close()
    return ports


def initialised(state: Path, user: str, password: str) -> dict[str, object]:
    """Make a database in `state`/data; returns how its programs are started: PostgreSQL refuses to run as root."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL on this machine (apt-get install postgresql)")
    secret = state / "password"
    secret.write_text(password)
    how: dict[str, object] = {"cwd": state}
    if os.geteuid() == 0:
        shutil.chown(state, "postgres")
        shutil.chown(secret, "postgres")
        how |= {"user": "postgres", "group": "postgres", "extra_groups": []}
    made = ["-D", state / "data", "-U", user, "-A", "scram-sha-256", "--pwfile", secret]
    subprocess.run([programs / "initdb", "--no-sync", *made], check=True, capture_output=True, **how)
    return how


@contextmanager
def server(user: str, written: str, password: str) -> Iterator[str]:
    """A server, and its address for SQLAlchemy; stopped and removed afterwards.

    Args:
        written: the password as an address has it.

    pytest's own folders are closed to other users, so its files lie elsewhere.
    """
    state = Path(tempfile.mkdtemp(prefix="carryover-postgres-"))
    process = None
    try:
        how, (port,) = initialised(state, user, password), free_ports(1)
        command = [postgres_programs() / "postgres", "-D", state / "data", "-k", state, "-p", port]
        options = ["listen_addresses=127.0.0.1", "fsync=off"]
        process = subprocess.Popen(
            [*map(str, command), *(part for option in options for part in ("-c", option))],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **how,
        )  # fmt: skip
        ready = [postgres_programs() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port]
        wait_for(lambda: process.poll() is not None or subprocess.run(ready).returncode == 0)
        assert process.poll() is None, "the server ended"
        yield f"postgresql://{user}:{written}@127.0.0.1:{port}/postgres"
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)  # with connections that are open
            process.wait(30)
        shutil.rmtree(state, ignore_errors=True)
