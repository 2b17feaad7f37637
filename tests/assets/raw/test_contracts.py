"""Files are held against the contract of their table: every fault is named with its column and rows."""

import re

import pytest
import yaml

from assets.raw.connector import FOLDER, connector, known_connectors, read_connector
from assets.raw.contracts import CONTRACTS
from assets.raw.files import FileRefused, check, read_bytes
from assets.raw.folder import LandingFile
from assets.raw.personal import with_hashed_emails
from assets.raw.template import template
from tests.assets.raw.reading import GOOD, GOOGLE, HEADER, ROW, read, taken_by_duckdb


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
        pytest.param(b"\xff\xfe\x00", "not UTF-16, as its first bytes say", id="encoding"),
        pytest.param(
            GOOD.replace("cost_micros", "cost_micro"), "did you mean 'cost_micro'", id="missing column"
        ),
        pytest.param(
            GOOD.replace("clicks", "zzz").replace("campaign_name", "labels"),
            r"column clicks is missing: export the file with it\. If it is one of those that nobody reads "
            r"\(labels, zzz\), "
            r"write that name under `also:` of clicks in assets/raw/connectors/google_ads/connector\.yaml",
            id="column gone",
        ),
        pytest.param(
            HEADER.upper() + GOOD.removeprefix(HEADER),
            r"is missing: names are in lower case: write customer_id for CUSTOMER_ID",
            id="capitals",
        ),
        pytest.param(
            ("Campaign report\n" + GOOD.replace(",", "\t")).encode("utf-16"),
            "'Campaign report' stands alone in the first row: take out the lines above",
            id="lines above the header",
        ),
        pytest.param(
            GOOD.replace("clicks", "impressions"), "'impressions' is there twice", id="column twice"
        ),
        pytest.param(
            GOOD.replace("campaign_name", "Clicks"),
            "columns 'Clicks', 'clicks' differ in capitals alone, .*: keep one, or rename the other",
            id="column twice but for its capitals",
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
            second_row("USD", "USB"),
            r"column currency_code: 'USB' is no currency of ISO 4217 \(row 3\): write its three letters",
            id="currency",
        ),
        pytest.param(second_row("2024-01-02", "02.01.2024"), "'02.01.2024' is not a day", id="date"),
        pytest.param(
            second_row("2024-01-02", "2024-01-01"), r"rows 2, 3 repeat the same customer_id", id="repeated"
        ),
        pytest.param(
            second_row("100,", "1,000,"),
            r"row 3: 11 cells in row 3, where the header .row 1. has 10",
            id="more cells",
        ),
        pytest.param(
            GOOD.replace(",100,", ",1,000,"),
            r"rows 2, 3, 4, 5: .* quote cells that hold a comma",
            id="unquoted thousands",
        ),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path, text, message):
    with pytest.raises(FileRefused, match=message) as refusal:
        read(tmp_path, text)
    assert str(refusal.value).startswith(
        "google_ads/campaign_stats/2024.csv was refused, nothing of it is loaded"
    )


def test_a_column_whose_cells_may_be_blank_is_asked_for_as_such(tmp_path):
    meta = CONTRACTS["meta_ads__campaign_insights"]
    names = [column.name for column in meta.columns if column.name != "reach"]
    with pytest.raises(
        FileRefused, match="column reach is missing: export the file with it; cells of reach may"
    ):
        read(tmp_path, ",".join(names) + "\n" + ",".join("1" for _ in names) + "\n", meta)


@pytest.mark.parametrize(
    ("table", "theirs", "ours"),
    [
        ("meta_ads__campaign_insights", "Cost", "spend"),
        ("meta_ads__campaign_insights", "Amount spent (USD)", "spend"),
        ("meta_ads__campaign_insights", "Spendings", "spend"),
        ("tv__invoices", "media cost", "net_cost"),
        ("google_ads__campaign_stats", "Impr.", "impressions"),
        ("google_ads__campaign_stats", "Day", "date"),
    ],
)
def test_a_column_under_another_name_is_guessed_and_both_remedies_are_named(tmp_path, table, theirs, ours):
    contract = CONTRACTS[table]
    names = [theirs if column.name == ours else column.name for column in contract.columns]
    text = ",".join(["all_labels", *names]) + "\n" + ",".join("1" for _ in range(len(names) + 1)) + "\n"
    with pytest.raises(FileRefused) as refusal:
        read(tmp_path, text, contract)
    (fault,) = refusal.value.faults
    assert (
        f"is missing: did you mean '{theirs}'? If it holds the same in the same unit, export it under"
        in fault
    )
    assert f"the name {ours}, or write '{theirs}' under `also:` of {ours} in " in fault
    assert (
        f"assets/raw/connectors/{contract.source}/connector.yaml (docs/contracts.md, names of columns)"
        in fault
    )
    assert fault.endswith("also read by nobody: all_labels")
    assert "known" not in fault


def test_spend_in_whole_units_is_not_offered_for_millionths(tmp_path):
    with pytest.raises(FileRefused) as refusal:
        read(tmp_path, GOOD.replace("cost_micros", "cost"))
    assert "did you mean" not in str(refusal.value)
    assert "one of those that nobody reads (cost)" in str(refusal.value)


def test_what_a_refusal_of_a_column_recommends_is_taken(tmp_path):
    keys = yaml.safe_load((connector("meta_ads").folder / "connector.yaml").read_text())
    keys["tables"]["campaign_insights"]["columns"]["spend"]["also"] = ["Cost"]
    contract = next(c for c in read_connector("meta_ads", keys).contracts if c.table == "campaign_insights")
    text = template(contract).replace("spend", "Cost")
    assert read(tmp_path, text, contract).rows["spend"].tolist() == [10.5]


ZONES = [
    (contract, column.name)
    for source in known_connectors()
    for contract in connector(source).contracts
    for column in contract.columns
    if "zone" in column.name
]


@pytest.mark.parametrize(("contract", "name"), ZONES, ids=lambda part: getattr(part, "name", part))
def test_a_time_zone_that_the_warehouse_does_not_know_is_refused(tmp_path, contract, name):
    """SQL that works with it would end the whole build, and name neither file nor row."""
    template = (FOLDER / contract.source / f"{contract.table}.template.csv").read_text()

    def read_with(zone):
        (tmp_path / "a.csv").write_text(template.replace("America/New_York", zone))
        file = LandingFile(tmp_path / "a.csv", "a.csv", 1, 1)
        return file, lambda: check(file, contract, *read_bytes(file)).rows[name].tolist()

    for bad in ("CEST", "+02:00", "Europe/Berln"):
        file, rows = read_with(bad)
        assert not taken_by_duckdb(file, contract)
        with pytest.raises(
            FileRefused, match=r"column \w+: '[^']+' is no time zone \(row 2\): .*Europe/Berlin"
        ):
            rows()
    for good in ("Europe/Berlin", "europe/berlin"):
        assert read_with(good)[1]() == [good]
    assert len(ZONES) >= 4


@pytest.mark.parametrize("column", ["customer_id", "campaign_id", "device"])
def test_an_address_in_place_of_a_number_or_a_code_is_refused_and_not_repeated(tmp_path, column):
    position = HEADER.split(",").index(column)
    cells = GOOD.splitlines()[2].split(",")
    cells[position] = "jo@example.com"
    text = GOOD.replace(GOOD.splitlines()[2], ",".join(cells))
    with pytest.raises(
        FileRefused, match=rf"column {column}: '\(left out\)' holds an e-mail address \(row 3\)"
    ):
        read(tmp_path / "bad", text)
    cells[position] = "@home"
    assert len(read(tmp_path / "good", GOOD.replace(GOOD.splitlines()[2], ",".join(cells))).rows) == 4


def test_a_hash_stands_in_a_name_in_place_of_an_address(tmp_path):
    """One that is the same wherever the address is, and leaves the rest of the name: rules read it as before."""
    names = {
        "Spring, jo@example.com": "Spring, HASH",
        "(JO@Example.com)": "(HASH)",
        "jo%40example.com|brand": "HASH|brand",
        "us_all_meta_jo@example.com": "us_all_meta_HASH",
        "bid@1.20": "bid@1.20",
        "@home v1.2 50%": "@home v1.2 50%",
    }
    rows = [
        ROW.format(day=day).replace("us_all_search_brand", f'"{name}"') for day, name in enumerate(names, 1)
    ]
    accepted = read(tmp_path, "\n".join([HEADER, *rows]))
    read_names = accepted.rows["campaign_name"].tolist()
    (hashed,) = {word for word in read_names[0].split() if word.startswith("email")}
    assert re.fullmatch("email[0-9]{13}", hashed)
    assert [name.replace(hashed, "HASH") for name in read_names] == list(names.values())
    assert accepted.hashed == {"campaign_name": 4}


def test_names_that_differ_in_an_address_alone_stay_two(tmp_path):
    contract = CONTRACTS["meta_ads__campaign_insights"]
    names = ["us_all_meta_jo_li@example.com", "us_all_meta_jo_ma@example.com", "jo_li@example.com"]
    texts = [with_hashed_emails(name) for name in names]
    assert texts[0] == f"us_all_meta_{texts[2]}" != texts[1]
    assert not any("jo" in text or "li" in text for text in texts)
    assert next(column for column in contract.columns if column.name == "campaign_name").is_free_text


RULES = "rule,source,account,campaign,campaign_type,network,market,geo,channel"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        pytest.param(
            r"7,google_ads,,brand \((us|uk)\),,,\2,all,search",
            r"column market: '\\2' asks for brackets that campaign 'brand \\\(\(us\|uk\)\\\)' does not have "
            r"\(rule 7, row 3\): put brackets around",
            id="more than there are",
        ),
        pytest.param(r"7,google_ads,,,,,us,all,\1", r"column channel: '\\1' asks .*rule 7", id="none at all"),
        pytest.param(
            r"7,google_ads,,(?:us)_x,,,\1,all,search", r"column market: '\\1' asks .*rule 7", id="brackets of none"
        ),
        pytest.param(
            r"7,google_ads,,jo@example\.com,,,us,all,search",
            r"column campaign: '\(left out\)' holds an e-mail address \(row 3\): ask for what else",
            id="an address",
        ),
    ],
)  # fmt: skip
def test_a_rule_that_could_map_nothing_is_refused_by_its_number(tmp_path, rule, message):
    good = r"1,,,^(us|uk)_(all)_.*\w@\d,,,\1,\2,search"
    contract = CONTRACTS["reference__mapping_rules"]
    assert len(read(tmp_path / "good", f"{RULES}\n{good}", contract).rows) == 1
    with pytest.raises(FileRefused, match=message):
        read(tmp_path / "bad", f"{RULES}\n{good}\n{rule}", contract)


def test_all_faults_are_named_at_once(tmp_path):
    text = second_row("USD", "USB").replace(",1000000", ",-5")
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
    month, value, _ = refusal.value.faults
    assert month == "column month: '2024-1' is not a month (YYYY-MM) (row 3): write it as 2024-01"
    assert value.startswith("column value: '41' is above 1 (row 2): ")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("9223372036854775808", "is beyond what 64 bits hold"),
        ("1e19", "is beyond what 64 bits hold"),
        ("1\0000000", "NUL"),
    ],
)
def test_a_number_that_would_be_cut_or_overflow_is_refused(tmp_path, cell, message):
    with pytest.raises(FileRefused, match=rf"{message}.*"):
        read(tmp_path, second_row("1000000", cell))


def test_whole_numbers_are_exact_to_the_last_of_64_bits(tmp_path):
    rows = read(tmp_path, second_row("1000000", "999999999998999999")).rows
    assert rows["cost_micros"].iloc[1] == 999_999_999_998_999_999


def test_an_amount_that_the_marts_do_not_hold_is_refused_with_its_row(tmp_path):
    with pytest.raises(
        FileRefused, match=r"cost_micros: '1999999999999000000' is above 1e\+18 \(row 3\): look for dig"
    ):
        read(tmp_path, second_row("1000000", "1999999999999000000"))
    contract = CONTRACTS["tv__invoices"]
    header, row = template(contract).splitlines()[:2]
    for cell, refused in (("999999999999", False), ("1e12", True), ("1e33", True), ("1e308", True)):
        cells = [
            "1" if name == contract.amount else value
            for name, value in zip(header.split(","), row.split(","), strict=True)
        ]
        cells[header.split(",").index(contract.amount)] = cell
        text = "\n".join([header, ",".join(cells)]) + "\n"
        if refused:
            with pytest.raises(
                FileRefused, match=r"is above 1e\+12 \(row 2\): look for digits that ran together"
            ):
                read(tmp_path / cell, text, contract)
        else:
            assert read(tmp_path / cell, text, contract).rows[contract.amount].iloc[0] == 999_999_999_999


@pytest.mark.parametrize("figure", [2**53 + 1, 999_999_999_998_999_999])
def test_whole_numbers_are_exact_where_a_column_holds_no_other(tmp_path, figure):
    text = "\n".join(GOOD.splitlines()[:2]).replace("1000000", str(figure))
    assert read(tmp_path, text).rows["cost_micros"].tolist() == [figure]


def test_a_header_that_is_one_long_quote_is_refused(tmp_path):
    with pytest.raises(FileRefused, match="quote that is not closed"):
        read(tmp_path, '"' + "a" * 131_073 + '"\n1\n')


def test_semicolons_and_decimal_commas_are_read(tmp_path):
    text = "week_start;market;competitor_spend\n2024-01-01;US;1.234,5\n2024-01-08;us;7\n"
    rows = read(tmp_path, text, CONTRACTS["competitor__weekly"]).rows
    assert rows["competitor_spend"].tolist() == [1234.5, 7]
    assert rows["market"].tolist() == ["us", "us"]


ONE_ACCOUNT = [
    "123-456-7890,USD,2024-01-01,1.23E+2,us_all_search_brand,Mobile,SEARCH,1,1,1",
    "1234567890,usd,2024-01-01 00:00:00,123,us_all_search_brand,MOBILE,Search,1,1,1",
]


def test_two_spellings_of_one_row_repeat_it(tmp_path):
    lines = [line.replace("1.23E+2", "123") for line in ONE_ACCOUNT]
    with pytest.raises(FileRefused, match=r"rows 2, 3 repeat the same customer_id, date"):
        read(tmp_path, "\n".join([HEADER, *lines]))


def test_numbers_of_campaigns_that_a_spreadsheet_cut_are_refused(tmp_path):
    line = ONE_ACCOUNT[0].replace("1.23E+2", "1.23457E+11")
    with pytest.raises(
        FileRefused, match=r"campaign_id: '1.23457E\+11' lost digits .*\(row 2\): format the column"
    ):
        read(tmp_path, "\n".join([HEADER, line]))


META = (
    "account_id,account_currency,date_start,date_stop,campaign_id,campaign_name,"
    "impressions,reach,inline_link_clicks,spend"
)
TV = "invoice_id,station,market,region,week_commencing,grps,net_cost,currency"


def meta(*spans):
    return "\n".join([META, *(f"1,USD,{start},{stop},7,us_all_meta_x,10,9,1,700" for start, stop in spans)])


def weeks(header, row, *days):
    return "\n".join([header, *(row.format(day=day, number=i) for i, day in enumerate(days))])


@pytest.mark.parametrize(
    ("table", "text", "message"),
    [
        pytest.param(
            "meta_ads__campaign_insights",
            meta(("2024-12-05", "2024-12-01")),
            r"column date_stop: '2024-12-01' is before date_start '2024-12-05' \(row 2\)",
            id="ends before it starts",
        ),
        pytest.param(
            "meta_ads__campaign_insights",
            meta(("2024-12-01", "2024-12-31"), ("2024-12-05", "2024-12-06"), ("2024-12-20", "2025-01-02")),
            r"rows 3, 4 cover days that another row of the same account_id, campaign_id covers",
            id="the same days twice",
        ),
        pytest.param(
            "tv__invoices",
            weeks(TV, "I{number},KXYZ,us,all,{day},1,7,USD", "2024-12-01", "2024-12-08", "2024-12-16"),
            r"weeks begin on a Sunday \(rows 2, 3\) and on a Monday \(row 4\)",
            id="two weekdays",
        ),
        *(
            pytest.param(
                table,
                weeks(header, row, "2024-12-01", "2024-12-09"),
                r"column week_start: '2024-12-01' is a Sunday, not a Monday \(row 2\): .*do not add up over days",
                id=table,
            )
            for table, header, row in (
                ("macro__weekly", "week_start,market,consumer_confidence", "{day},us,100"),
                ("competitor__weekly", "week_start,market,competitor_spend", "{day},us,100"),
                ("reference__exchange_rates", "week_start,currency,rate_to_usd", "{day},EUR,1.1"),
            )
        ),
    ],
)
def test_days_that_are_not_those_of_the_contract_are_refused(tmp_path, table, text, message):
    with pytest.raises(FileRefused, match=message):
        read(tmp_path, text, CONTRACTS[table])


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("meta_ads__campaign_insights", meta(("2024-12-05", "2024-12-11"), ("2024-12-12", "2024-12-18"))),
        ("tv__invoices", weeks(TV, "I{number},KXYZ,us,all,{day},1,7,USD", "2024-12-01", "2024-12-08")),
    ],
)
def test_days_that_staging_spreads_are_taken(tmp_path, table, text):
    assert len(read(tmp_path, text, CONTRACTS[table]).rows) == 2


def test_every_source_of_days_says_what_a_row_covers():
    """A date of a grain is checked or spread, never believed in words alone. A day of a report is none."""
    for contract in CONTRACTS.values():
        dates = {column.name for column in contract.columns if column.kind == "date"} - {"reported_date"}
        if dates:
            assert contract.period is not None, contract.name
            assert {contract.period.start, contract.period.stop or contract.period.start} == dates
            assert contract.days_rule.startswith("A row covers the")
        if contract.amount:
            assert contract.amount in contract.numbers


@pytest.mark.parametrize("cell", ["", "-3", "3.5", "9e30", "three"])
def test_every_fault_says_what_to_do(tmp_path, cell):
    with pytest.raises(FileRefused) as refusal:
        read(tmp_path, GOOD.replace(",3,", f",{cell},").replace("MOBILE", "FRIDGE"))
    faults = [fault for fault in refusal.value.faults if fault.startswith("column ")]
    assert faults
    for fault in faults:
        assert len(fault.partition("): ")[2].split()) > 2, fault


def test_an_amount_that_may_be_negative_has_an_end_there_too(tmp_path):
    contract = CONTRACTS["shopify__daily_orders"]
    header, row = template(contract).splitlines()[:2]
    cells = row.split(",")
    cells[header.split(",").index("net_sales")] = "-1e33"
    with pytest.raises(FileRefused, match=r"column net_sales: '-1e33' is below -1e\+12 \(row 2\)"):
        read(tmp_path, f"{header}\n{','.join(cells)}\n", contract)


def test_a_column_named_as_an_address_is_named_nowhere(tmp_path):
    header, *rows = GOOD.splitlines()
    text = "\n".join([f"{header},jo.header@example.com", *(f"{row},1" for row in rows)])
    assert "jo.header" not in str(read(tmp_path / "there", text).extra_columns)
    lacking = text.replace("cost_micros", "cost_of_it")
    with pytest.raises(FileRefused) as refusal:
        read(tmp_path / "lacking", lacking)
    assert "is missing" in str(refusal.value)
    assert "jo.header" not in str(refusal.value)
