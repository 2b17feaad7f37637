"""`mmm report`: what a posterior recommends, why and how surely, on two pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmm_core.cli.asked import LongTermFile, MadeAfter, long_term_as_asked, spec_as_asked
from mmm_core.cli.contents import keep, posterior_origin, refuse_another
from mmm_core.cli.scenario import earlier_recommendation
from mmm_core.cli.terminal import (
    PosteriorFile,
    a_folder,
    label,
    read_tree,
    reported,
    sampling,
)
from mmm_core.cli.terminal import out as screen


@reported
def report(
    posterior: PosteriorFile,
    out: Annotated[
        Path,
        typer.Option(
            "--out", callback=a_folder, help="folder for report.html, report.md and report.json, the manifest"
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option("--model", help="a YAML whose `budget:`, `readiness:` and `review:` are used instead"),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option("--table", help="the weekly table, for the review's refits without the last weeks"),
    ] = None,
    previous: Annotated[
        Path | None,
        typer.Option(
            "--previous", help="the posterior of the last report, to say what changed since and why"
        ),
    ] = None,
    earlier: Annotated[
        Path | None,
        typer.Option(
            "--earlier",
            help="budget_allocation.json of an earlier week, to say what was spent since beside it",
        ),
    ] = None,
    after: MadeAfter = None,
    long_term: LongTermFile = None,
) -> None:
    """Write the weekly report: HTML that prints on two pages, Markdown, and a manifest of all versions."""
    with sampling("Writing the report") as progress:
        from mmm_core.data.table import read_table
        from mmm_core.posterior.handle import Posterior
        from mmm_core.posterior.schema import load_posterior
        from mmm_core.report.answer import headline, verdict
        from mmm_core.report.gather import findings_of
        from mmm_core.report.texts import texts

        tree = read_tree(posterior, refits=table is not None)
        read = Posterior.of(tree)
        refuse_another(out, read.model)
        spec = spec_as_asked(model, read)
        long = long_term_as_asked(long_term, spec.budget)
        found = findings_of(
            tree,
            spec,
            model.parent if model else None,
            read_table(table) if table else None,
            load_posterior(previous) if previous else None,
            progress,
            name=str(posterior),
            source=str(table),
            long_term=long,
            earlier=[earlier_recommendation(earlier, after)] if earlier else (),
        )
        files = texts(found)
    label(read.approximate, found.subject.not_converged)
    screen.print(f"{verdict(found)}: {headline(found)}", soft_wrap=True, markup=False)
    keep(out, files, posterior_origin(read))
