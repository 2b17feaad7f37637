"""Files are held against the contract of their table: every fault is named with its column and rows."""

from pathlib import Path

import pytest

from assets.raw.contracts import CONTRACTS
from assets.raw.files import FileRefused, check, landing_files

HEADER = (
    "customer_id,currency_code,date,campaign_id,campaign_name,"
    "device,ad_network_type,impressions,clicks,cost_micros"
)
ROW = "1,USD,2024-01-0{day},7,us_all_search_brand,MOBILE,SEARCH,100,3,1000000"
GOOD = "\n".join([HEADER, *(ROW.format(day=day) for day in range(1, 5))])
GOOGLE = CONTRACTS["google_ads__campaign_stats"]


def read(folder: Path, text: str | bytes, contract=GOOGLE):
    path = folder / contract.folder / "2024.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    (file,) = landing_files(folder, contract.folder)
    return check(file, contract)


def test_a_good_file_is_typed(tmp_path):
    rows = read(tmp_path, "\ufeff" + GOOD).rows  # spreadsheets write a byte order mark
    assert len(rows) == 4
    assert rows["customer_id"].tolist() == ["1"] * 4  # numbers of accounts are names
    assert rows["cost_micros"].dtype == "Int64"
    assert str(rows["date"].iloc[0]) == "2024-01-01 00:00:00"


def test_a_day_may_carry_midnight_and_nothing_else(tmp_path):
    rows = read(tmp_path / "a", GOOD.replace("2024-01-02", "2024-01-02 00:00:00")).rows
    assert rows["date"].is_monotonic_increasing
    with pytest.raises(FileRefused, match=r"column date: '2024-01-02 07:00:00' is not a day .*\(row 3\)"):
        read(tmp_path / "b", GOOD.replace("2024-01-02", "2024-01-02 07:00:00"))


def test_columns_the_contract_does_not_name_are_kept_out(tmp_path):
    text = "\n".join(line + (",labels" if i == 0 else ",x") for i, line in enumerate(GOOD.splitlines()))
    accepted = read(tmp_path, text)
    assert accepted.extra_columns == ("labels",)
    assert list(accepted.rows) == [column.name for column in GOOGLE.columns]


def second_row(old: str, new: str) -> str:
    lines = GOOD.splitlines()
    lines[2] = lines[2].replace(old, new)
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "the file is empty", id="empty"),
        pytest.param(HEADER, "has a header but no rows", id="header alone"),
        pytest.param(b"\xff\xfe\x00", "byte 0 is not UTF-8", id="encoding"),
        pytest.param(
            GOOD.replace("cost_micros", "cost_micro"), "did you mean 'cost_micro'", id="missing column"
        ),
        pytest.param(
            GOOD.replace("clicks", "impressions"), "'impressions' is there twice", id="column twice"
        ),
        pytest.param(
            second_row("1000000", "n/a"), r"column cost_micros: 'n/a' is not a number \(row 3\)", id="text"
        ),
        pytest.param(second_row("1000000", "inf"), "'inf' is not a number", id="infinite"),
        pytest.param(
            second_row("1000000", "-1"),
            r"column cost_micros: '-1' is negative \(row 3\)",
            id="negative spend",
        ),
        pytest.param(second_row(",3,", ",3.5,"), "column clicks: '3.5' is not a whole number", id="fraction"),
        pytest.param(second_row(",3,", ",,"), r"column clicks: is blank \(row 3\)", id="blank"),
        pytest.param(
            second_row("USD", "SEK"),
            r"column currency_code: 'SEK' is not one of USD, EUR, GBP \(row 3\)",
            id="currency",
        ),
        pytest.param(second_row("2024-01-02", "02.01.2024"), "'02.01.2024' is not a day", id="date"),
        pytest.param(
            second_row("2024-01-02", "2024-01-01"), r"rows 2, 3 repeat the same customer_id", id="repeated"
        ),
        pytest.param(second_row("100,", "1,000,"), "is not a well-formed CSV", id="more cells than columns"),
        pytest.param(GOOD.replace(",100,", ",1,000,"), "more cells than the header", id="unquoted thousands"),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path, text, message):
    with pytest.raises(FileRefused, match=message) as refusal:
        read(tmp_path, text)
    assert str(refusal.value).startswith(
        "google_ads/campaign_stats/2024.csv was refused, nothing of it is loaded"
    )


def test_all_faults_are_named_at_once(tmp_path):
    text = second_row("USD", "SEK").replace(",1000000", ",-5")
    with pytest.raises(FileRefused) as refusal:
        read(tmp_path, text)
    assert [fault.split(":")[0] for fault in refusal.value.faults] == [
        "column currency_code",
        "column cost_micros",
        "Rows are counted as a spreadsheet shows them",
    ]
    assert "rows 2, 3, 4, 5" in str(refusal.value)


def test_a_share_above_one_is_refused(tmp_path):
    text = (
        "month,market,metric,value,sample_size\n2024-01,us,awareness,41,1000\n2024-1,us,awareness,0.4,1000\n"
    )
    with pytest.raises(FileRefused) as refusal:
        read(tmp_path, text, CONTRACTS["brand_tracker__monthly"])
    assert "column month: '2024-1' is not a month (YYYY-MM) (row 3)" in refusal.value.faults
    assert "column value: '41' is above 1 (row 2)" in refusal.value.faults
