"""`mmm experiments`: which experiment is worth running next, and the lift tests to fill in once they have run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmm_core.cli.asked import LongTermFile, long_term_as_asked, spec_as_asked
from mmm_core.cli.contents import keep, posterior_origin, refuse_another
from mmm_core.cli.terminal import Folder, PosteriorFile, label, read_posterior, reported, starts
from mmm_core.cli.terminal import out as screen

if TYPE_CHECKING:
    from mmm_core.spec.experiments_spec import Experiments


@reported
def experiments(
    posterior: PosteriorFile,
    out: Folder = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="a YAML whose `experiments:` and `budget:` are used instead"),
    ] = None,
    channel: Annotated[
        list[str] | None, typer.Option("--channel", help="only this one; may be repeated")
    ] = None,
    weeks: Annotated[
        list[int] | None, typer.Option("--weeks", help="duration; may be repeated; default the model's")
    ] = None,
    change: Annotated[
        list[float] | None,
        typer.Option(
            "--change", help="of its spend, -1 off, 0.5 half more; may be repeated; default the model's"
        ),
    ] = None,
    share: Annotated[
        list[float] | None,
        typer.Option("--share", help="of the outcome that is tested, 1 the whole market; may be repeated"),
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(min=1, help="weeks for which budgets are decided knowing the result")
    ] = None,
    margin: Annotated[float | None, typer.Option(help="money a unit of the outcome is worth")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="every candidate, not the best of each channel")
    ] = False,
    long_term: LongTermFile = None,
) -> None:
    """Rank experiments by what their result would be worth to the budget decision, less what they cost."""
    with starts("Working out what experiments are worth") as progress:
        from mmm_core.diagnostics.convergence import unconverged
        from mmm_core.experiments.plan import plan_experiments

        read = read_posterior(posterior)
        refuse_another(out, read.model)
        spec = spec_as_asked(model, read)
        asked = changed(
            spec.experiments,
            channels=channel,
            weeks=weeks,
            changes=change,
            shares=share,
            horizon_weeks=horizon,
            margin=margin,
        )
        known = long_term_as_asked(long_term, spec.budget)
        found = plan_experiments(read, asked, spec.budget, progress, known)
        doubts = unconverged(read)
    from mmm_core.cli import console_experiments

    label(read.approximate, doubts)
    screen.print(console_experiments.experiments(found, every))

    def picture() -> Any:
        from mmm_core.plots.experiments import experiments as drawn

        return drawn(found)

    facts = {name: getattr(found, name) for name in FACTS} | {
        "perfect_information": found.perfect.evsi,
        "perfect_information_se": found.perfect.standard_error,
        "not_converged": doubts,
        "experiments": found.table.to_dict("records"),
    }
    files = {
        "experiments.csv": found.table,
        "experiments.json": facts,
        "experiments.png": picture,
        "lift_tests_to_fill_in.csv": found.designs(spec),
    }
    keep(out, files, posterior_origin(read))


FACTS = (
    "model", "outcome", "horizon", "counted", "horizon_weeks", "budget_weeks", "price", "size", "power", "approximate",
    "passed_over",
)  # fmt: skip


def changed(asked: Experiments, **options: Any) -> Experiments:
    """What the YAML asks for with what the command line does in its place, held to the same rules.

    Raises:
        InputError: an option that the YAML would be refused for.
    """
    from pydantic import ValidationError

    from mmm_core.errors import InputError
    from mmm_core.spec.experiments_spec import Experiments
    from mmm_core.spec.faults import explained

    stated = {name: value for name, value in options.items() if value not in (None, [])}
    try:
        return Experiments.model_validate({**asked.model_dump(), **stated})
    except ValidationError as error:
        faults = "; ".join(explained(error, Experiments, {}))
        raise InputError(f"experiments: {faults}") from None
