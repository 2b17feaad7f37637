"""What assets read of the environment before anything is configured: Dagster needs partitions and dbt's manifest early.

`orchestration/environments.py` reads the rest; nothing else under assets/ or orchestration/ reads a setting.
"""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS_HOST, DOCS_PORT = "127.0.0.1", 8090
"""Where `make docs` serves the documentation."""


def environment_name() -> str:
    """What MMM_ENVIRONMENT says, `dev` unless set; `orchestration/environments.py` knows which names there are."""
    return os.environ.get("MMM_ENVIRONMENT", "dev")


def data_dir() -> Path:
    """The folder that holds everything a run leaves behind: `.data` in the repository, or MMM_DATA_DIR."""
    return Path(os.environ.get("MMM_DATA_DIR") or REPOSITORY / ".data").resolve()


def models_dir() -> Path:
    """The folder of model YAMLs: `models` in the repository, or MMM_MODELS_DIR."""
    return Path(os.environ.get("MMM_MODELS_DIR") or REPOSITORY / "models").resolve()


def sources_file() -> Path:
    """The file that says which sources there are: `sources.yaml` in the repository, or MMM_SOURCES."""
    return Path(os.environ.get("MMM_SOURCES") or REPOSITORY / "sources.yaml").resolve()


def docs_address() -> str:
    """Where browsers find the documentation: where `make docs` serves it, or MMM_DOCS_UI; without a final slash."""
    return (os.environ.get("MMM_DOCS_UI") or f"http://{DOCS_HOST}:{DOCS_PORT}").rstrip("/")
