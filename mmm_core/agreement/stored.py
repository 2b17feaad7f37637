"""A report of what lift tests moved in a file: JSON that reads back exactly."""

from __future__ import annotations

import json
from pathlib import Path

from mmm_core.agreement.report import CalibrationReport
from mmm_core.agreement.tables import ROI, TESTS, typed
from mmm_core.errors import DamagedFile
from mmm_core.inputs import UnreadableFile, name_of, read_bytes
from mmm_core.json_text import dumps

FORMAT = 1


def to_json(report: CalibrationReport) -> str:
    """As `read_report` reads it."""
    body = {
        "format": FORMAT,
        "model": report.model,
        "returns": report.returns,
        "approximate": report.approximate,
        "tests": report.tests.to_dict("records"),
        "roi": report.roi.to_dict("records"),
    }
    return dumps(body, indent=1) + "\n"


def read_report(path: str | Path) -> CalibrationReport:
    """The report in a file.

    Raises:
        InputError: no such file.
        DamagedFile: it is not what `to_json` wrote.
    """
    source = name_of(path)
    try:
        body = json.loads(read_bytes(path))
        if body["format"] != FORMAT:
            raise ValueError(f"format {body['format']}, this release reads {FORMAT}")
        return CalibrationReport(
            body["model"],
            body["returns"],
            body["approximate"],
            typed(body["tests"], TESTS),
            typed(body["roi"], ROI),
        )
    except UnreadableFile:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedFile(
            f"{source}: is no report of lift tests that can be read ({error}): make it again"
        ) from None
