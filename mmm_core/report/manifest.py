"""The run manifest: what a report was made of, for machines. `manifest.schema.json` is its JSON Schema.

Nothing in it depends on when or where it was written: the same versions give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version as package_version
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from mmm_core.data.arrays import last_day
from mmm_core.data.table import fingerprint
from mmm_core.data.weeks import first_days
from mmm_core.json_text import dumps
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.schema import calibrated_by

FORMAT = 1
"""Raised when a key changes its meaning or goes."""

PACKAGES = ("numpy", "scipy", "pandas", "jax", "numpyro", "matplotlib", "jinja2")
"""Whose versions decide what a page says and how it looks."""

LABELS = ("posterior_version", "model_version")
"""Columns that say where a table came from: they are no part of its content."""


def schema() -> dict[str, Any]:
    """The JSON Schema of a manifest."""
    text = files("mmm_core.report").joinpath("manifest.schema.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def manifest(
    posterior: Posterior,
    posterior_version: str,
    source: str,
    tables: Mapping[str, pd.DataFrame | None],
    *,
    previous: Mapping[str, Any] | None = None,
    registered: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A manifest's body, without the files that are yet to be written.

    Args:
        posterior_version: as `mmm_core.inference.version.posterior_version` makes it.
        source: hash of the source that works out figures and page.
        tables: curves, allocation, readiness, review, evidence, long_term, scenarios, as they are reported; None of
            those that there are none of.
        previous: `version` and `as_of` of the posterior it is compared with, and `changed`: what differs.
        registered: `name` and `version` in a model registry, where it is in one, and `answers`: versions by name of
            the curves, budget and long term that it holds of this posterior.
    """
    evidence = calibrated_by(posterior)
    weeks = pd.DatetimeIndex(posterior.data["week"].to_numpy())
    first = first_days(weeks, posterior.spec)
    stage = {name: table_version(table) for name, table in tables.items()}
    return {
        "format": FORMAT,
        "model": posterior.model,
        "as_of": first[-1].date(),
        "table": {
            "fingerprint": str(posterior.attrs["table"]),
            "first_week": first[0].date(),
            "last_day": last_day(posterior.data),
            "weeks": int(posterior.data.sizes["week"]),
            "geos": int(posterior.data.sizes["geo"]),
        },
        "specification": {"hash": str(posterior.attrs["spec_hash"])},
        "evidence": {
            "version": evidence.version if evidence else None,
            "tests": [
                {"test_id": weighed.test.test_id, "weight": weighed.inflation**-2.0}
                for weighed in (evidence.tests if evidence else ())
            ],
            "table": stage.get("evidence"),
        },
        "posterior": {
            "version": posterior_version,
            "engine": posterior.engine,
            "approximate": posterior.approximate,
            "seed": int(posterior.attrs["seed"]),
            "chains": posterior.chains,
            "draws": posterior.draws_a_chain,
            "source": str(posterior.attrs["source"]),
            "packages": json.loads(str(posterior.attrs["versions"])),
        },
        **{
            name: None if stage.get(name) is None else {"version": stage[name]}
            for name in ("roi", "curves", "allocation", "readiness", "review", "long_term", "scenarios")
        },
        "registered": dict(registered) if registered else None,
        "previous": dict(previous) if previous else None,
        "code": {"carryover": package_version("carryover"), "source": source},
        "packages": {name: package_version(name) for name in PACKAGES},
    }


def table_version(table: pd.DataFrame | None) -> str | None:
    """Hash of a table's content, wherever it lies: labels of versions are left out, whole seconds are kept."""
    if table is None:
        return None
    content = table.drop(columns=[name for name in LABELS if name in table])
    return fingerprint(content.replace({np.nan: None}) if content.empty else content)


def with_files(body: Mapping[str, Any], written: Mapping[str, str]) -> str:
    """The manifest as text.

    Args:
        written: text of the files beside it, by name.
    """
    sums = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in written.items()}
    return dumps({**body, "files": sums}, indent=2, sort_keys=True) + "\n"
