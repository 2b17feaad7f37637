"""Tables of the `results` schema: what a published model leaves for the reporting marts.

Every table holds one row set a model and as-of week; `Warehouse.replace_results` is the only writer.
"""

_VINTAGE = {"model": "VARCHAR", "as_of_week": "DATE"}
_KEYS = {**_VINTAGE, "posterior_version": "VARCHAR", "model_version": "VARCHAR"}
_INTERVAL = {"mean": "DOUBLE", "q05": "DOUBLE", "q95": "DOUBLE"}

RESULT_TABLES: dict[str, dict[str, str]] = {
    "channel_roi": {
        **_KEYS,
        "channel": "VARCHAR",
        "metric": "VARCHAR",
        "mean": "DOUBLE",
        "median": "DOUBLE",
        "sd": "DOUBLE",
        "q05": "DOUBLE",
        "q95": "DOUBLE",
    },
    "contributions_weekly": {
        **_KEYS,
        "week_start": "DATE",
        "first_day": "DATE",
        "component": "VARCHAR",
        **_INTERVAL,
    },
    "response_curves": {
        **_KEYS,
        "channel": "VARCHAR",
        "spend": "DOUBLE",
        "multiplier": "DOUBLE",
        **_INTERVAL,
        "last_week": "DATE",
    },
    "budget_allocation": {
        **_KEYS,
        "channel": "VARCHAR",
        "current_spend": "DOUBLE",
        "recommended_spend": "DOUBLE",
        "lower": "DOUBLE",
        "upper": "DOUBLE",
        "current_revenue": "DOUBLE",
        "recommended_revenue": "DOUBLE",
        "recommended_revenue_q05": "DOUBLE",
        "recommended_revenue_q95": "DOUBLE",
        "mroi": "DOUBLE",
        "gap": "DOUBLE",
        "note": "VARCHAR",
    },
    "model_review": {
        **_KEYS,
        "check_name": "VARCHAR",
        "severity": "VARCHAR",
        "passed": "BOOLEAN",
        "figure": "DOUBLE",
        "threshold": "DOUBLE",
        "message": "VARCHAR",
    },
    "model_selection": {
        **_VINTAGE,
        "selection_version": "VARCHAR",
        "table_version": "VARCHAR",
        "spec_hash": "VARCHAR",
        "specification": "VARCHAR",
        "as_written": "BOOLEAN",
        "recommended": "BOOLEAN",
        "crps": "DOUBLE",
        "difference": "DOUBLE",
        "difference_se": "DOUBLE",
        "p_value": "DOUBLE",
        "verdict": "VARCHAR",
        "mape": "DOUBLE",
        "coverage_90": "DOUBLE",
        "elpd": "DOUBLE",
        "elpd_difference": "DOUBLE",
        "elpd_difference_se": "DOUBLE",
        "unreliable": "DOUBLE",
        "unknowns": "DOUBLE",
        "origins": "BIGINT",
        "horizon": "BIGINT",
        "note": "VARCHAR",
        "reason": "VARCHAR",
    },
    "lift_evidence": {
        **_VINTAGE,
        "evidence_version": "VARCHAR",
        "test_id": "VARCHAR",
        "status": "VARCHAR",
        "calibrates": "BOOLEAN",
        "reasons": "VARCHAR",
        "channels": "VARCHAR",
        "geos": "VARCHAR",
        "start_date": "DATE",
        "end_date": "DATE",
        "design": "VARCHAR",
        "outcome": "VARCHAR",
        "incremental_outcome": "DOUBLE",
        "standard_error": "DOUBLE",
        "incremental_spend": "DOUBLE",
        "roi": "DOUBLE",
        "inflation": "DOUBLE",
        "weight": "DOUBLE",
        "calibrating_error": "DOUBLE",
        "design_quality": "DOUBLE",
        "days": "DOUBLE",
        "power": "DOUBLE",
        "weeks_since": "DOUBLE",
        "spend_ratio": "DOUBLE",
        "pre_period_error": "DOUBLE",
        "contamination": "DOUBLE",
        "decided_by": "VARCHAR",
        "decided_on": "DATE",
        "decision_note": "VARCHAR",
        "source": "VARCHAR",
    },
}

ASSET_OF_TABLE = {
    "channel_roi": "roi",
    "contributions_weekly": "contributions",
    "response_curves": "response_curves",
    "budget_allocation": "budget_allocation",
    "model_review": "model_review",
}
"""The asset that computes each table of a posterior, under whose name its rows are kept as files too."""

ADDED_LATER: dict[str, tuple[str, ...]] = {
    "contributions_weekly": ("first_day",),
    "response_curves": ("last_week",),
    "budget_allocation": ("note",),
}
"""Columns that results of earlier versions lack: null there."""
