"""The alias `champion` of a model, its response curves, its budget and its long term: they move together."""

from collections.abc import Mapping

from assets.resources.tracking import Tracking, registered_name

CHAMPION, PREVIOUS = "champion", "previous"
MODEL = ""
"""The kind that is the model itself, beside those that answer from its posterior."""


def move_champions(tracking: Tracking, model: str, versions: Mapping[str, str | None]) -> None:
    """Make versions of one posterior live, and `previous` the ones they replace.

    A registry moves one alias at a time. So what answers loses its alias first, then the model's moves, and then each
    answer gets its own: who asks in between, or after a process that was killed in between, is told that there is no
    champion of the curves, and never given curves of one posterior and a budget of another. The next promotion ends
    what was begun.

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
