"""The smallest specification there is, with a key changed, or as JSON."""

import copy
import json

MINIMAL = {
    "model": "small",
    "table": "weekly",
    "kpi": {"column": "revenue"},
    "media": {"channels": {"tv": {"spend": "tv_spend"}}},
}


def changed(path, value):
    spec = copy.deepcopy(MINIMAL)
    here = spec
    for key in path[:-1]:
        here = here.setdefault(key, {})
    here[path[-1]] = value
    return spec


def as_json(mapping):
    """Dates as the text that a user wrote."""
    return json.loads(json.dumps(mapping, default=str))
