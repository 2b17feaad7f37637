"""`mmm bvar`: the long term of a model from its posterior and a brand survey; or a vector autoregression of a table."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmm_core.cli.asked import spec_as_asked
from mmm_core.cli.contents import TABLE, keep, plain_origin, posterior_origin, record, refuse_another
from mmm_core.cli.terminal import Folder, busy, label, marked, read_posterior, reported, wrote
from mmm_core.cli.terminal import out as screen

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.long_term.plain import Plain

LONG_TERM = "long_term.nc"


class ShockKind(StrEnum):
    """What responses follow."""

    ORTHOGONAL = "orthogonal"
    GENERALISED = "generalised"


OF_MODEL = ("brand", "model")
OF_TABLE = (
    "variables", "media", "terms", "week", "unit_root", "lags", "media_lags", "centre", "dummies", "horizon", "draws",
    "seed",
)  # fmt: skip
"""Options that only one of the two commands hears."""


@reported
def bvar(
    context: typer.Context,
    posterior: Annotated[
        Path | None,
        typer.Option("--posterior", help="a posterior.nc of `mmm fit`, whose base sales are explained"),
    ] = None,
    brand: Annotated[
        Path | None,
        typer.Option(
            "--brand",
            help="waves of the brand survey, CSV or Parquet: metric, start, end, share, sample; or metric, "
            "month_start, value, sample_size",
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="the model's YAML as it is now; default the posterior's")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            "--table", help="weekly table: the posterior's, or, without one, the columns to be explained"
        ),
    ] = None,
    variables: Annotated[
        str,
        typer.Option(
            "--variables", help="columns to be explained, causes before effects: a,b,c; without --posterior"
        ),
    ] = "",
    media: Annotated[
        str, typer.Option("--media", help="columns that drive them from outside: tv,search")
    ] = "",
    terms: Annotated[str, typer.Option("--terms", help="further columns, such as a trend")] = "",
    week: Annotated[str, typer.Option("--week", help="column of the weeks")] = "week_start",
    unit_root: Annotated[
        str, typer.Option("--unit-root", help="variables that wander: their weekly change is modelled")
    ] = "",
    lags: Annotated[
        str, typer.Option("--lags", help="weeks back; of 1,2,4 the one with the most evidence")
    ] = "2",
    media_lags: Annotated[
        int, typer.Option("--media-lags", min=0, max=26, help="weeks that media act directly")
    ] = 0,
    centre: Annotated[
        float, typer.Option("--centre", min=-1, max=1, help="prior mean of a variable's own first lag")
    ] = 1.0,
    dummies: Annotated[
        str,
        typer.Option(
            "--dummies",
            help="dummy observations of the prior, for series without a level of their own: sum_of_coefficients,"
            "initial_observation",
        ),
    ] = "",
    shocks: Annotated[
        ShockKind,
        typer.Option(
            "--shocks",
            help="what responses follow: orthogonal, by the order of the variables; or generalised, which knows none",
        ),
    ] = ShockKind.ORTHOGONAL,
    horizon: Annotated[int, typer.Option("--horizon", min=1, max=520, help="weeks that are followed")] = 52,
    draws: Annotated[int, typer.Option("--draws", min=100, max=20_000, help="draws of the posterior")] = 2000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="of the draws")] = 7,
    out: Folder = None,
) -> None:
    """Say what media bring in the long term, by way of the brand; or fit a vector autoregression to a table."""
    _refuse_of_the_other(context, posterior is not None)
    if posterior is not None:
        _of_model(posterior, brand, model, table, shocks.value, out)
        return
    from mmm_core.errors import InputError
    from mmm_core.long_term.plain import Columns

    if table is None:
        raise InputError(
            "name --posterior and --brand for the long term of a model, or --table and --variables for a vector "
            "autoregression of a table's own columns"
        )
    columns = Columns(_names(variables), _names(media), _names(terms), week, _names(unit_root))
    asked = {
        "lags": _whole(lags), "media_lags": media_lags, "centre": centre, "dummies": _names(dummies),
        "horizon": horizon, "draws": draws, "seed": seed, "shocks": shocks.value,
    }  # fmt: skip
    _of_table(table, columns, asked, out)


def _refuse_of_the_other(context: typer.Context, of_model: bool) -> None:
    """Refuse options of the one command that are given to the other, which would not be heard."""
    from mmm_core.errors import InputError, listed

    given = [
        f"--{name.replace('_', '-')}"
        for name in (OF_TABLE if of_model else OF_MODEL)
        if getattr(context.get_parameter_source(name), "name", "DEFAULT") != "DEFAULT"
    ]
    if given and of_model:
        raise InputError(
            f"{listed(given)}: with --posterior the rule is `long_term:` of the model's YAML, or of that under "
            "--model: say it there"
        )
    if given:
        raise InputError(f"{listed(given)}: goes with --posterior, which is not given")


def _of_model(
    posterior: Path,
    brand: Path | None,
    model: Path | None,
    table: Path | None,
    shocks: Any,
    out: Path | None,
) -> None:
    from mmm_core.errors import InputError

    read = read_posterior(posterior)
    refuse_another(out, read.model)
    if brand is None:
        raise InputError("name the brand survey with --brand: metric, start, end, share, sample")
    with busy("Fitting the long term"):
        from mmm_core.data.table import check_table, fingerprint, read_table
        from mmm_core.diagnostics.convergence import unconverged
        from mmm_core.long_term.stage import fit_long_term, skip_reason
        from mmm_core.long_term.waves import read_waves

        spec = spec_as_asked(model, read)
        if table is not None:
            rows = check_table(read_table(table), read.spec, str(table))
            read.refuse_another_table(fingerprint(rows), str(table), str(posterior))
        if reason := skip_reason(spec):
            raise InputError(reason)
        found = fit_long_term(read, read_waves(brand, spec.filter), spec.long_term, origin=str(posterior))
        doubts = unconverged(read)
    if (
        out is not None
    ):  # before anything is printed: all else is read from it, and the output may go to a closed pipe
        from mmm_core.long_term.stored import save_long_term

        saved = save_long_term(found.tree, out / LONG_TERM)
    from mmm_core.cli import console_bvar

    label(read.approximate, doubts)
    screen.print(console_bvar.long_term(found))

    def picture(name: str) -> Any:
        def draw() -> Any:
            from mmm_core.plots import long_term

            if name == "returns":
                return long_term.returns(found.roi(), read.model, found.attrs["returns"], found.severe)
            if name == "responses":
                return long_term.responses(found.responses(shocks), read.model, severe=found.severe)
            return long_term.brand(found.brand(), read.model)

        return draw

    def told(table: pd.DataFrame) -> pd.DataFrame:
        """The table with what is approximate about it, and what forbids to read it, as last columns."""
        table = marked(table, read.approximate)
        return table.assign(not_to_be_read="; ".join(found.severe)) if found.severe else table

    keep(
        out,
        {
            "long_term_roi.csv": told(found.roi()),
            "long_term_multipliers.csv": told(found.multipliers()),
            "impulse_responses.csv": told(found.responses(shocks)),
            "variance_decomposition.csv": told(found.decomposition()),
            "brand_metrics.csv": found.brand(),
            "long_term_checks.csv": found.checks(),
            "long_term_roi.png": picture("returns"),
            "impulse_responses.png": picture("responses"),
            "brand_metrics.png": picture("brand"),
        },
        posterior_origin(read),
    )
    if out is not None:
        wrote([saved])
        record(out, posterior_origin(read), [saved])


def _of_table(path: Path, columns: Any, asked: dict[str, Any], out: Path | None) -> None:
    refuse_another(out, f"{TABLE}{path.stem}")
    with busy("Fitting the autoregression"):
        from mmm_core.data.table import read_table
        from mmm_core.long_term.plain import fit_table

        table = read_table(path)
        found = fit_table(table, columns, **asked, source=str(path))
    from mmm_core.cli import console_bvar

    screen.print(console_bvar.plain(found))
    keep(out, _files(found, path.stem), plain_origin(path.stem, {**asked, "columns": columns}, table))


def _files(found: Plain, name: str) -> dict[str, Any]:
    def picture() -> Any:
        from mmm_core.plots import long_term

        return long_term.responses(found.responses, name)

    files: dict[str, Any] = {
        "impulse_responses.csv": found.responses,
        "variance_decomposition.csv": found.decomposition,
        "impulse_responses.png": picture,
        "bvar.nc": found.draws,
        "bvar.json": {**found.draws.attrs, "notes": list(found.notes)},
    }
    if found.multipliers is not None:
        files["multipliers.csv"] = found.multipliers
    if found.forecast is not None:
        files["forecast_against_random_walk.csv"] = found.forecast
    return files


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _whole(text: str) -> tuple[int, ...]:
    from mmm_core.errors import InputError

    try:
        found = tuple(int(part) for part in _names(text))
    except ValueError:
        found = ()
    if not found or not all(1 <= lag <= 26 for lag in found):
        raise InputError(f"--lags {text}: write a whole number from 1 to 26, or several with commas between")
    return found
