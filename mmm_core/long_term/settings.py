"""What a model's `long_term:` says, as arguments of the fits: prior, lags, restrictions."""

from __future__ import annotations

from typing import Any

from mmm_core.long_term.minnesota import GammaPrior, Minnesota
from mmm_core.long_term.variables import BASE
from mmm_core.spec.long_term_spec import DEFAULT, Belief, LongTermRule

TERMS_SD = 1.0
"""Prior sd of a trend or step: that of a week's noise, for a change of one sd of the term."""


def minnesota(rule: LongTermRule) -> Minnesota:
    """The rule's prior."""
    stated = rule.tightness

    def belief(value: Belief) -> float | GammaPrior:
        return GammaPrior(value.mode, value.sd) if value.sd else value.mode

    centre = {name: value for name, value in rule.centre.items() if name != DEFAULT}
    everywhere = rule.centre[DEFAULT]
    of_all = {name: centre.get(name, everywhere) for name in rule.variables}
    if rule.unit_root and BASE not in centre:
        of_all[BASE] = 0.0  # its change, not its level
    return Minnesota(
        lags=belief(stated.lags),
        media=belief(stated.media),
        sum_of_coefficients=belief(stated.sum_of_coefficients)
        if "sum_of_coefficients" in stated.dummies
        else None,
        initial_observation=belief(stated.initial_observation)
        if "initial_observation" in stated.dummies
        else None,
        terms=TERMS_SD,
        decay=stated.decay,
        media_decay=stated.media_decay,
        centre=of_all,
    )


def differenced(rule: LongTermRule) -> tuple[str, ...]:
    """The variables whose weekly change is modelled."""
    return (BASE,) if rule.unit_root else ()


def tracked_settings(rule: LongTermRule) -> dict[str, Any]:
    """Arguments of `fit_tracked_bvar` that the rule states."""
    return {
        "lags": rule.lags[0],
        "media_lags": rule.media_lags,
        "prior": minnesota(rule),
        "differenced": differenced(rule),
        "enters": rule.enters,
        "signs": {
            channel: {name: 1 if sign == "positive" else -1 for name, sign in by_variable.items()}
            for channel, by_variable in rule.signs.items()
        },
        "cross": rule.cross,
    }
