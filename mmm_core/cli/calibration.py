"""`mmm calibration`: what the lift tests of a posterior moved."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmm_core.cli.contents import keep, posterior_origin, refuse_another
from mmm_core.cli.terminal import Folder, PosteriorFile, label, reported, sampling
from mmm_core.cli.terminal import out as screen

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@reported
def calibration(
    posterior: PosteriorFile,
    table: Annotated[
        Path | None,
        typer.Option("--table", help="the weekly table, to fit again without tests that moved much"),
    ] = None,
    out: Folder = None,
) -> None:
    """What the lift tests moved: each foretold without itself, and every channel's ROI before and after."""
    with sampling("Leaving tests out") as progress:
        from mmm_core.agreement import moves
        from mmm_core.agreement.report import calibration_report, require_tests
        from mmm_core.cli.terminal import read_tree
        from mmm_core.data.table import read_table
        from mmm_core.diagnostics.convergence import unconverged
        from mmm_core.posterior.handle import Posterior

        tree = read_tree(posterior, refits=table is not None)
        read = Posterior.of(tree)
        refuse_another(out, read.model)
        require_tests(tree)
        weekly = read_table(table) if table else None
        report = calibration_report(tree, weekly, progress, str(posterior), str(table))
        doubts = unconverged(read)
    from mmm_core.cli import console_calibration

    label(read.approximate, doubts)
    screen.print(console_calibration.calibration(report))
    facts: dict[str, Any] = {
        "model": report.model,
        "approximate": report.approximate,
        "summary": moves.summary(report.tests),
        "unforeseen": moves.unforeseen(report.tests),
        "channels": {move.channel: move.words for move in moves.channel_moves(report.roi)},
        "tests": report.tests.to_dict("records"),
        "roi": report.roi.to_dict("records"),
    }
    keep(
        out,
        {
            "calibration.csv": report.tests,
            "calibration_roi.csv": report.roi,
            "calibration.json": facts,
            "calibration.png": partial(_drawn, report.tests, report.approximate),
        },
        posterior_origin(read),
    )


def _drawn(tests: pd.DataFrame, approximate: str) -> Figure:
    from mmm_core.plots.agreement import calibration as picture

    return picture(tests, approximate)
