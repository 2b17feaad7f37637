"""Claims from a file: what is read, and what is refused by column, row and remedy."""

import numpy as np
import pytest

from mmm_core.errors import InputError
from mmm_core.reconciliation.claims import NAMES, read_claims, template

CLAIMS = """market,channel,week_start,platform,attribution_model,conversions,revenue,is_known_channel
us,search,2024-06-03,google_ads,last_click,10.5,700,true
us,search,2024-06-10,google_ads,last_click,9,,true
us,email,2024-06-10,ga4,last_click,9,600,false
"""


def read(tmp_path, text):
    path = tmp_path / "claims.csv"
    path.write_text(text)
    return read_claims(path)


def test_the_columns_of_the_mart_are_read_and_those_it_lacks_are_blank(tmp_path):
    claims = read(tmp_path, CLAIMS)
    assert tuple(claims.columns) == NAMES
    assert claims["channel"].tolist() == ["search", "search", "email"]
    assert claims["week_start"].dt.strftime("%Y-%m-%d").iloc[0] == "2024-06-03"
    np.testing.assert_array_equal(claims["revenue"], [700, np.nan, 600])
    assert (claims["attribution_window"] == "").all()
    assert claims["spend"].isna().all()


def test_the_template_is_a_file_that_is_read(tmp_path):
    (row,) = read(tmp_path, template()).to_dict("records")
    assert (row["channel"], row["revenue"]) == ("search", 283800)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("channel,week", "chanel,week", "claims need are not there: 'channel': did you mean 'chanel'"),
        ("conversions,revenue", "purchases,value", "neither a column 'revenue' nor a column 'conversions'"),
        (
            "attribution_model",
            "atribution_model",
            "column 'atribution_model' is not read: did you mean 'attr",
        ),
        ("2024-06-03", "3 June", r"column week_start: not a day: '3 June' \(row 2\)"),
        ("us,email,2024-06-10", "us,,2024-06-10", r"column channel is blank \(row 4\): fill it in"),
        (",700,", ",-700,", r"column revenue: -700 is negative \(row 2\)"),
        (
            ",700,",
            ",7e300,",
            r"column revenue: 7e\+300 is beyond anything that is claimed \(row 2\): look for a slip",
        ),
        (
            "2024-06-10,google",
            "2024-06-03,google",
            r"'search' is there more than once .*\(rows 2, 3\): keep one",
        ),
    ],
)
def test_claims_that_cannot_be_meant_are_refused(tmp_path, old, new, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, CLAIMS.replace(old, new))


def test_a_report_as_it_lands_is_named_with_the_file_that_is_read(tmp_path):
    landed = (
        "platform,date_start,date_stop,market,channel,campaign_name,conversions,conversion_value,currency\n"
    )
    with pytest.raises(
        InputError, match=r"by days and campaigns .* name that file; or write claims by channel"
    ):
        read(tmp_path, landed + "meta_ads,2024-06-03,2024-06-09,us,,us_all_meta_leads,9,700,USD\n")
