"""The public names of `mmm_core`, with the modules they lie in.

A table of its own, which nothing imports before a name is asked for: a further name is no change of the source behind a
fit, and so refits nothing.
"""

from __future__ import annotations

HOMES: dict[str, str] = {
    "errors": "InputError SpecError",
    "spec.model_spec": "ModelSpec load_spec parse_spec",
    "transforms.registry": "parameter",
    "transforms.adstock": "ADSTOCKS",
    "transforms.saturation": "SATURATIONS",
    "data.table": "check_table fingerprint read_table",
    "inference.fit": "fit",
    "posterior.schema": "load_posterior save_posterior",
    "effects.contributions": "contributions",
    "effects.curves": "response_curves",
    "effects.decay": "decay_table half_life_table",
    "effects.incremental": "incremental incremental_table",
    "effects.roi": "roi_draws roi_table",
    "long_term.base": "base_draws with_metrics",
    "long_term.fit": "fit_bvar",
    "long_term.stage": "fit_long_term",
    "long_term.tracked": "fit_tracked_bvar",
    "long_term.responses": "impulse_responses",
    "long_term.multipliers": "cumulative_multipliers long_run_multipliers",
    "long_term.returns": "long_term_roi total_roi",
    "forecast.predict": "predict",
    "forecast.predictive": "posterior_predictive prior_predictive prior_words",
    "forecast.backtest": "backtest",
    "budget.allocation": "allocate",
    "budget.decide": "decide",
    "experiments.plan": "plan_experiments",
    "scenarios.report": "evaluate_scenarios",
    "selection.select": "climb select",
    "diagnostics.identifiability": "identify",
    "diagnostics.engine_comparison": "compare",
    "diagnostics.loo": "compare_loo loo",
    "diagnostics.placebo": "placebo",
    "diagnostics.sensitivity": "sensitivity",
    "diagnostics.summary": "summary",
}
MODULES = {name: f"mmm_core.{module}" for module, names in HOMES.items() for name in names.split()}
