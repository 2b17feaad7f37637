"""Where a published posterior comes from: data, specification, evidence, seed and source."""

from typing import TYPE_CHECKING

from assets.models import Vintage
from assets.resources.stores import VintageStore

if TYPE_CHECKING:
    import pandas as pd
    from xarray import DataTree


def provenance_of(tree: "DataTree", vintage: Vintage, vintages: VintageStore) -> "pd.DataFrame":
    """One row: the table by its fingerprint and the exports it was made of, and what else a fit reads."""
    import pandas as pd

    from mmm_core.posterior.schema import calibrated_by

    evidence, table = calibrated_by(tree), str(tree.attrs["table"])
    origin = vintages.origin(vintage, table)
    row = {
        "table_version": table,
        "known_then": origin.known_then if origin else None,
        "known_by": pd.Timestamp(origin.known_by) if origin else pd.NaT,
        "data_until": pd.Timestamp(origin.data_until) if origin and origin.data_until else pd.NaT,
        "exports_version": origin.exports if origin else "",
        "data_are": origin.words
        if origin
        else "frozen by a release that did not keep where its rows come from",
        "spec_hash": str(tree.attrs["spec_hash"]),
        "evidence_version": evidence.version if evidence else "",
        "lift_tests": len(evidence.tests) if evidence else 0,
        "seed": int(tree.attrs["seed"]),
        "source": str(tree.attrs["source"]),
    }
    return pd.DataFrame([row]).astype(
        {"known_then": "boolean", "known_by": "datetime64[ns]", "data_until": "datetime64[ns]"}
    )
