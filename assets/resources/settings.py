"""The folder that holds everything a run leaves behind."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def data_dir() -> Path:
    """`.data` in the repository; MMM_DATA_DIR names another one."""
    return Path(os.environ.get("MMM_DATA_DIR") or REPOSITORY / ".data").resolve()
