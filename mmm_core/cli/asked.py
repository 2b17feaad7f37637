"""What commands are asked beside a posterior: the model's YAML as it is now, and its long term."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmm_core.errors import InputError, listed
from mmm_core.inputs import name_of
from mmm_core.spec.currency import DEFAULT

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm
    from mmm_core.posterior.handle import Posterior
    from mmm_core.spec.budget_spec import Budget
    from mmm_core.spec.model_spec import ModelSpec

LongTermFile = Annotated[
    Path | None,
    typer.Option("--long-term", help="long_term.nc of `mmm bvar`, for `budget: {horizon: long}`"),
]

MadeAfter = Annotated[
    datetime | None,
    typer.Option(
        "--after",
        formats=["%Y-%m-%d"],
        help="last week of the data that the earlier budget was made on, where it does not say",
    ),
]


def spec_as_asked(path: Path | None, posterior: Posterior) -> ModelSpec:
    """The specification that a command goes by: of the YAML that is named, or the posterior's own.

    A YAML may say anything else of what no fit reads: budget, scenarios, margin, thresholds, files beside it. What a
    fit reads of it must be what the posterior was fitted with, save for how it is computed (`fit:`).

    Raises:
        InputError: the YAML was refused, or is of another model than the posterior.
    """
    if path is None:
        return posterior.spec
    from mmm_core.spec.differences import differences_of_models
    from mmm_core.spec.model_spec import load_spec

    spec = load_spec(path)
    if spec.model != posterior.model:
        raise InputError(
            f"--model {name_of(path)} is of {spec.model}, the posterior of {posterior.model}: name the YAML that it "
            "was fitted with"
        )
    if spec.spec_hash == posterior.attrs["spec_hash"]:
        return spec
    if differs := differences_of_models(posterior.spec, spec):
        raise InputError(
            f"--model {name_of(path)} is not the model that the posterior was fitted with ({listed(differs, 4)}): name "
            "that one, or fit again; `budget:`, `scenarios:`, `margin:` and whatever else no fit reads may differ"
        )
    return spec


def currency_in_words(spec: ModelSpec) -> str:
    """Which currency a budget's amounts are taken to be in, and by whose word; "" where it states none."""
    if not spec.budget.amounts:
        return ""
    return (
        f"amounts of the budget are taken as {spec.calibration.rule.currency}, the table's currency by `calibration: "
        f"rule: currency` ({DEFAULT} where nobody states it): the table names none, so nothing here can check that"
    )


def long_term_as_asked(path: Path | None, budget: Budget) -> LongTerm | None:
    """The long-term posterior that is named, for a budget that counts it.

    Raises:
        InputError: the budget counts the short term, or the file cannot be read.
    """
    if path is None:
        return None
    if budget.horizon != "long":
        raise InputError(
            f"--long-term {path}: the budget counts short-term effects only: write "
            "`budget: {horizon: long}` into the YAML and give it with --model, or leave the option out"
        )
    from mmm_core.long_term.stage import LongTerm
    from mmm_core.long_term.stored import load_long_term

    return LongTerm.of(load_long_term(path))
