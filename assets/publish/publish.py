"""One publication of marts and reporting tables: whole, or refused where it would lose what the last one has."""

from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType

from assets.publish.holdings import Holdings, Loss, counted, holdings, losses
from assets.publish.publication import (
    Content,
    Publication,
    publication_of,
    publications,
    publish_folder,
)
from assets.publish.reports import copy_reports
from assets.publish.tables import copy_tables, published_tables
from assets.resources.warehouse import Warehouse

SHOWN = 12


class PublicationLoses(RuntimeError):
    """A publication would lose models or weeks that the last one has; nothing was published."""


def publish(
    warehouse: Warehouse,
    published: Path,
    run_id: str = "",
    accepted: Collection[str] = (),
    reports: Mapping[str, Path] = MappingProxyType({}),
) -> Publication:
    """Publish every table of the published layers, and reports beside them.

    `accepted` names the models, and the marts as `marts.<table>`, that may lose weeks or go; `reports` are files by the
    name they get.

    Raises:
        PublicationLoses: another would lose some; the message says what, both counts and the remedy.
    """

    def write(folder: Path) -> Content:
        with warehouse.connect(read_only=True) as source:
            tables = published_tables(source)
            held = holdings(source, tables)
            lost = losses(before, held)
            refused = [loss for loss in lost if loss.subject not in accepted]
            if refused:
                raise PublicationLoses(_refusal(refused, before, held))
            copy_reports(reports, folder)
            return Content(copy_tables(source, tables, folder), held, [str(loss) for loss in lost])

    before = last_holdings(published)
    return publish_folder(published, run_id, write)


def last_holdings(published: Path) -> Holdings:
    """What the publication in force holds, or the newest one whose record can be read."""
    records = (publication_of(folder) for folder in publications(published))
    return next((record.holdings for record in records if record), {})


def _refusal(lost: list[Loss], before: Holdings, now: Holdings) -> str:
    named = "; ".join(map(str, lost[:SHOWN])) + (f"; and {len(lost) - SHOWN} more" if lost[SHOWN:] else "")
    remedies = []
    if any(loss.table.startswith("reporting.") for loss in lost):
        remedies.append(
            "Build the reporting marts again: they bring back the results of every vintage in `results/` whose model "
            "has a YAML."
        )
    if any(loss.table.startswith("marts.") for loss in lost):
        remedies.append("Weeks of marts come back when their exports are landed again and loaded.")
    subjects = " ".join(dict.fromkeys(loss.subject for loss in lost))
    return (
        f"Nothing was published: the last publication holds {counted(before)}, this one would hold {counted(now)}. "
        f"Lost: {named}. {' '.join(remedies)} What is meant to go is accepted by name: "
        f'make publish ACCEPT="{subjects}", or `accept_losses` in the config of published_marts in the UI.'
    )
