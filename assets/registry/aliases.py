"""The aliases `champion` and `challenger` of a model, its response curves, its budget and its long term.

A registry moves one alias at a time. So that whoever asks in between, or after a process that was killed in between, is
told that there is no such version and never given answers of two, what answers loses its alias before the model's
moves, and gets it afterwards.
"""

from collections.abc import Mapping

from assets.models import ANSWERS, LONG_TERM, Vintage
from assets.resources.tracking import Tracking, registered_name

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
MODEL = ""
"""The kind that is the model itself, beside those that answer from its posterior."""
MADE_AFTER = {MODEL: (*ANSWERS, LONG_TERM), "curves": ("budget",), LONG_TERM: ("budget",)}
"""By kind, those that a refresh makes of it afterwards: the budget has the curves' weeks and prices, and may count the
long term."""


def move_challenger(
    tracking: Tracking, vintage: Vintage, kind: str, version: str, model_version: str
) -> None:
    """Make a version of the model, or of what answers from it, the latest.

    The kinds are made one after the other, each in a process of its own. What is made after this one loses its alias
    first and has none until its own version is there. A past week's backfill leaves the model's where it is; an answer
    joins it only where it is of the same model version.

    Args:
        kind: MODEL, or one of those that answer. version: of this kind. model_version: of the model that it is of.
    """
    client, held = tracking.client(), tracking.aliases(vintage.model, kind).get(CHALLENGER)
    if kind == MODEL:
        joins = tracking.may_move(CHALLENGER, vintage)
    else:
        joins = tracking.aliases(vintage.model).get(CHALLENGER) == model_version
    if not joins or held == version:
        return
    for later in MADE_AFTER.get(kind, ()):
        if CHALLENGER in tracking.aliases(vintage.model, later):
            client.delete_registered_model_alias(registered_name(vintage.model, later), CHALLENGER)
    client.set_registered_model_alias(registered_name(vintage.model, kind), CHALLENGER, version)


def move_champions(tracking: Tracking, model: str, versions: Mapping[str, str | None]) -> None:
    """Make versions of one posterior live, and `previous` the ones they replace.

    What answers loses its alias first, then the model's moves, and then each answer gets its own. The next promotion
    ends what was begun and cut off.

    Args:
        versions: by kind, what is to be live; None where nothing of the posterior is.
    """
    moving = {
        kind: (tracking.aliases(model, kind).get(CHAMPION), version)
        for kind, version in sorted(versions.items(), key=lambda each: each[0] == MODEL)
    }
    moving = {kind: (before, version) for kind, (before, version) in moving.items() if before != version}
    client = tracking.client()
    for kind, (before, _) in moving.items():
        name = registered_name(model, kind)
        if before is not None:
            client.set_registered_model_alias(name, PREVIOUS, before)
        if before is not None and kind != MODEL:
            client.delete_registered_model_alias(name, CHAMPION)
    for kind, (_, version) in reversed(moving.items()):
        if version is not None:
            client.set_registered_model_alias(registered_name(model, kind), CHAMPION, version)
