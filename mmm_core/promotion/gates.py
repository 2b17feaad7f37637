"""Names of the gates that a version passes, beside its review, before it goes live, and what each of them asks.

Importing this loads nothing: assets name their checks by it.
"""

COVERAGE, NAIVE = "intervals_hold", "not_worse_than_seasonal_naive"
WITHIN, CONTRIBUTIONS, ADVICE = (
    "roi_within_previous_intervals",
    "contributions_are_stable",
    "advice_is_stable",
)

OF_THE_BACKTEST = {
    COVERAGE: "90 % intervals held the share of weeks that the YAML's `promotion.backtest` asks for.",
    NAIVE: "The forecasts were no worse than last season's values again, by `promotion.backtest` of the YAML.",
}
OF_STABILITY = {
    WITHIN: "Of enough channels the ROI lies in the 90 % interval of the last published week.",
    CONTRIBUTIONS: "No more of the KPI moved from one channel to another than `promotion.stability` allows.",
    ADVICE: "No more of the recommended budget moved than `promotion.stability` allows.",
}
