"""The compose file as the tests read it: variables filled in, one object a service."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
VARIABLE = re.compile(r"\$\{(\w+):\?[^}]+\}")


@dataclass(frozen=True)
class Service:
    """What docker compose would start."""

    name: str
    command: list[str]
    environment: dict[str, str]
    probe: list[str]
    depends_on: dict[str, str]
    raw: dict[str, Any] = field(repr=False)


def _filled(value: Any, variables: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, variables) for item in value]
    if isinstance(value, str):
        return VARIABLE.sub(lambda match: variables[match[1]], value).replace("$$", "$")
    return value


def read_compose(variables: dict[str, str], path: Path = ROOT / "docker-compose.yml") -> dict[str, Service]:
    """Services of a compose file. A variable that has no value raises KeyError, as compose would refuse it."""
    services = _filled(yaml.safe_load(path.read_text())["services"], variables)
    return {
        name: Service(
            name=name,
            command=[str(part) for part in raw.get("command", [])],
            # A key without a value is passed on from .env, and absent where that does not set it.
            environment={k: str(v) for k, v in raw.get("environment", {}).items() if v is not None},
            probe=raw.get("healthcheck", {}).get("test", []),
            depends_on={on: how["condition"] for on, how in raw.get("depends_on", {}).items()},
            raw=raw,
        )
        for name, raw in services.items()
    }


@pytest.fixture(scope="session")
def compose_variables() -> dict[str, str]:
    """A value for each variable that .env.example names."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    names = [line.removesuffix("=") for line in lines if line and not line.startswith("#")]
    values = {name: f"/srv/{name.lower()}" if name.endswith("_DIR") else "carryover" for name in names}
    return values | {"POSTGRES_PASSWORD": "s3cret"}


@pytest.fixture(scope="session")
def compose(compose_variables) -> dict[str, Service]:
    return read_compose(compose_variables)
