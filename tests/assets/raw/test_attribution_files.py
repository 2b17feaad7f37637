"""Files of what platforms claim are held against their contract: nothing counts twice, and nothing says nothing."""

import pytest

from assets.raw.contracts import CONTRACTS
from assets.raw.files import FileRefused
from tests.assets.raw.reading import read

REPORTS = CONTRACTS["attribution__platform_reports"]
CLAIM = {
    "platform": "GA4", "date_start": "2025-01-06", "date_stop": "2025-01-12", "channel": "Email",
    "attribution_model": "Last_Click", "conversions": "3.5", "conversion_value": "120.25", "currency": "usd",
}  # fmt: skip


def claims(*changes):
    rows = [{**CLAIM, **cells} for cells in changes]
    return "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]) + "\n"


def test_attribution_may_leave_open_market_campaign_and_windows(tmp_path):
    rows = read(tmp_path, claims({}), REPORTS).rows
    assert set(rows) == {column.name for column in REPORTS.columns}
    stated = ["platform", "channel", "attribution_model", "currency"]
    assert rows[stated].to_numpy().tolist() == [["ga4", "email", "last_click", "USD"]]
    assert rows[["market", "campaign_name", "click_window_days", "view_window_days"]].isna().all(axis=None)
    assert REPORTS.amount == "conversion_value"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (({"attribution_model": "lastclick"},), "column attribution_model: 'lastclick' is not one of last_click"),
        (({"conversion_value": "-1"},), "column conversion_value: '-1' is negative"),
        (({"conversion_value": ""},), "column conversion_value: is blank"),
        (({"date_stop": "2025-01-05"},), "column date_stop: '2025-01-05' is before date_start"),
        (({}, {}), "rows 2, 3 repeat the same platform, date_start, market"),
        (
            ({}, {"date_start": "2025-01-10", "date_stop": "2025-01-16"}),
            "row 3 covers days that another row of the same platform, market, channel",
        ),
    ],
)  # fmt: skip
def test_attribution_that_would_count_twice_or_say_nothing_is_refused(tmp_path, changes, message):
    with pytest.raises(FileRefused, match=message):
        read(tmp_path, claims(*changes), REPORTS)
