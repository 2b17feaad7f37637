"""The weekly reports that are published beside the marts: of each model the one that the marts' figures are of."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from assets.models import Vintage
from assets.resources.damage import say
from assets.resources.report_store import ReportStore
from assets.resources.stores import Damaged, ResultStore


def reports_to_publish(results: ResultStore, reports: ReportStore) -> dict[str, Path]:
    """Files by the name they get beside the marts: `report_<model>.html`, `.md` and `.json`.

    Of each model its latest published week; a week whose report is of another posterior than its marts, or is not
    there, has none.
    """
    found: dict[str, Path] = {}
    for vintage in _latest(results):
        try:
            posterior = results.published_posterior(vintage)
            files = reports.files(vintage)
            said = json.loads(files[".json"].read_bytes())["posterior"]["version"]
        except (Damaged, FileNotFoundError) as missing:
            say(f"no report of {vintage.model} as of {vintage.as_of_week} is published: {missing}")
            continue
        if said != posterior:
            say(
                f"no report of {vintage.model} as of {vintage.as_of_week} is published: it is of posterior {said}, the "
                f"marts are of {posterior}: materialize weekly_report for it"
            )
            continue
        found |= {f"report_{vintage.model}{suffix}": path for suffix, path in files.items()}
    return found


def copy_reports(files: Mapping[str, Path], folder: Path) -> None:
    """Copy reports into a publication's folder."""
    for name, path in files.items():
        shutil.copyfile(path, folder / name)


def _latest(results: ResultStore) -> list[Vintage]:
    """The latest published week of each model."""
    latest: dict[str, Vintage] = {}
    for vintage in results.publications.vintages():
        known = latest.get(vintage.model)
        if known is None or known.as_of_week < vintage.as_of_week:
            latest[vintage.model] = vintage
    return list(latest.values())
