"""The page: what it says of made-up findings, and that it is one file that anybody can read."""

import dataclasses
import re
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from mmm_core.errors import shortened
from mmm_core.plots.report import returns as draw
from mmm_core.report import returns
from mmm_core.report.checks import figures_off
from mmm_core.report.contents import page
from mmm_core.report.layout import SHEET, sheets
from mmm_core.report.moves_section import moves_section
from mmm_core.report.page import Items
from mmm_core.report.scenarios import scenarios_section
from mmm_core.report.texts import texts
from mmm_core.report.trust import health_section
from mmm_core.report.words import plain
from tests.mmm_core.report import made_up
from tests.mmm_core.report.browser import chromium, needs_chromium, printed_sheets

ODD = ['<b>&"', "search|brand", "`x`*_", "a name that is longer than anybody would write " * 3]
FULL = {
    "tests": made_up.lift_tests(9, 4),
    "gates": made_up.gates(closed=("moved", "evidence"), overridden=("profit",)),
    "scenarios": made_up.scenarios(6),
    "review": made_up.review(warned=("mape", "stability")),
}


@cache
def full(count):
    names = made_up.names_of(count)
    return made_up.findings(
        count, **FULL, change=made_up.change(names), long_term=made_up.long_term(names[: count - 1])
    )


@cache
def html_of(count):
    return texts(full(count))["report.html"]


class Outline(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def test_sections_come_in_the_order_a_board_asks():
    keys = [section.key for section in page(full(6)).sections]
    assert keys == [
        "change", "roi", "curves", "moves", "scenarios", "caveats", "health", "evidence", "long-term", "versions",
    ]  # fmt: skip


def test_figures_are_those_of_the_tables():
    found = made_up.findings(6)
    written = texts(found)["report.md"].replace("\\", "")
    row = found.roi[(found.roi["channel"] == "linkedin") & (found.roi["metric"] == "roi")].iloc[0]
    assert f"| {row['mean']:.2f} | {row['q05']:.2f} to {row['q95']:.2f} |" in written
    assert "$2.70M" in written  # the total
    assert "(90% interval −$17.0k to +$378k)" in written
    assert "has probability 94%" in written
    assert "| linkedin | $500k | $520k | +4% | +$19.0k | 75% |" in written


def test_the_moves_of_a_plain_plan_say_what_holds_it_back_and_what_room_would_bring():
    found = made_up.findings(20)
    prices = found.recommendation.prices
    (items,) = [block for block in moves_section(found, 3).blocks if isinstance(block, Items)]
    assert [text for _, text in items.items] == list(prices[:3])
    asked = dataclasses.replace(found.recommendation, words=("maximised: profit", *prices))
    (items,) = [
        block
        for block in moves_section(dataclasses.replace(found, recommendation=asked), 2).blocks
        if isinstance(block, Items)
    ]
    assert [text for _, text in items.items] == ["maximised: profit", *prices[:2]]  # and no price twice


def test_the_answer_says_ready_or_why_not():
    assert page(made_up.findings(6)).verdict == "Ready to act on"
    closed = texts(made_up.findings(6, gates=made_up.gates(closed=("moved",))))["report.html"]
    assert "Not ready" in closed
    assert "what the gate moved found of this budget" in closed
    let = made_up.findings(6, gates=made_up.gates(overridden=("profit",)))
    assert page(let).ready
    assert "team:finance (the launch was agreed)" in texts(let)["report.html"]


REFUSED = FULL | {"review": made_up.review(failed=("rhat", "ess_bulk"), warned=("mape",))}


def test_a_plan_that_brings_less_for_less_says_both():
    found = made_up.findings(6)
    plan = found.recommendation
    told = ("minimised: spend",)
    fewer = dataclasses.replace(
        plan, gain=-4e5, gain_q05=-6e5, gain_q95=-2e5, total=plan.total - 1e6, words=told
    )
    written = texts(dataclasses.replace(found, recommendation=fewer))["report.md"].replace("\\", "")
    assert "expected to bring $400k less revenue than spending as in the last 13 weeks, at $" in written
    assert " less spend (90% interval \u2212$600k to \u2212$200k)" in written
    of_profit = texts(
        dataclasses.replace(found, recommendation=dataclasses.replace(fewer, gain_in="profit"))
    )["report.md"]
    assert "$400k less profit than spending as in the last 13 weeks (90%" in of_profit.replace("\\", "")


def test_a_model_that_failed_its_review_says_so_on_top_and_recommends_nothing():
    names = made_up.names_of(6)
    found = by_week(
        made_up.findings(6, **REFUSED, change=made_up.change(names), long_term=made_up.long_term(names))
    )
    written, whole = page(found), texts(found)
    assert written.verdict == "Not fit for use"
    assert written.answer.heading == "No recommendation: the model fails 2 checks of its review."
    assert written.title.startswith("Draft, not fit for use")
    assert not written.tiles
    keys = [section.key for section in written.sections]
    assert keys == ["health", "change", "roi", "curves", "caveats", "evidence", "long-term", "versions"]
    for text in (whole["report.html"], whole["report.md"].replace("\\", "")):
        for check in found.failures:
            assert plain(check["message"]) in " ".join(text.split()).replace("&#39;", "'")
        body = text.replace("No recommendation: ", "").replace("as a recommendation", "")
        assert not re.search("(?i)recommend", body), re.search("(?i).{60}recommend.{40}", body)
        assert "Probability of a gain" not in text
    assert max(sheets(written)) <= SHEET
    assert not figures_off(whole["report.html"], found)


def test_nothing_is_said_of_what_is_not_there():
    bare = texts(made_up.findings(1, tests=None, review=None, gates=None, backing={}, right={}))
    assert "no previous published version" in bare["report.html"]
    assert "No lift test was known" in bare["report.html"]
    assert "Not reviewed" in bare["report.html"]
    assert "Scenarios" not in bare["report.html"]
    assert "long term" not in bare["report.html"]


def test_scenarios_are_held_against_the_current_plan():
    written = texts(made_up.findings(6, scenarios=made_up.scenarios(4)))["report.md"].replace("\\", "")
    assert "| plan 2 | what plan 2 does | $2.70M | $3.03M | +$30.0k | +$25.0k to +$35.0k | 93% |" in written
    assert "| current | what current does | $2.70M | $3.00M |  |  |  |" in written
    assert "Gain in revenue" in written
    assert (
        "Gain in profit"
        in texts(made_up.findings(6, scenarios=made_up.scenarios(3, profit=True)))["report.md"]
    )


@pytest.mark.parametrize(("plans", "words"), [(4, "1 more plan gains less."), (5, "2 more plans gain less.")])
def test_plans_that_are_left_out_are_counted(plans, words):
    section = scenarios_section(made_up.findings(6, scenarios=made_up.scenarios(plans)), 3)
    assert section.blocks[-1].text.endswith(words)


def test_the_current_and_the_recommended_plan_alone_are_no_section_of_scenarios():
    assert "scenarios" not in {
        section.key for section in page(made_up.findings(6, scenarios=made_up.scenarios(2))).sections
    }


def test_the_best_budget_of_a_sweep_and_what_was_spent_since_are_sentences():
    plans = made_up.scenarios(2)
    sweep = plans.assign(kind="sweep", is_best=[False, True], spend=3.1e6)
    of_gain = {
        "gain": -4e4,
        "gain_q05": -6e4,
        "gain_q95": -1e4,
        "probability_better": 0.06,
        "gain_in": "revenue",
    }
    spent = plans.head(1).assign(
        kind="followed", description="2.6M was spent where 2.4M was recommended", **of_gain
    )
    channels = plans.assign(channel="tv", description="of one channel")
    found = made_up.findings(6, scenarios=pd.concat([plans, sweep, spent, channels], ignore_index=True))
    written = texts(found)["report.md"].replace("\\", "")
    assert "**Sweep:** Of the budgets tried, $3.10M brings the most expected profit." in written
    assert (
        "**Spent against recommended:** 2.6M was spent where 2.4M was recommended. That brought $40.0k less revenue "
        "than the recommended plan would have (90% interval \u2212$60.0k to \u2212$10.0k); that it brought less at all "
        "has probability 94%."
    ) in written
    assert "of one channel" not in written


def test_a_sweep_without_a_margin_says_why_no_budget_is_the_most_profitable():
    plans = made_up.scenarios(2)
    found = made_up.findings(6, scenarios=pd.concat([plans, plans.assign(kind="sweep")], ignore_index=True))
    for written in (texts(found)["report.md"].replace("\\", ""), texts(found)["report.html"]):
        assert (
            "Which of the budgets tried brings the most profit is not known: the model\u2019s YAML states no margin. "
            "\u2018margin\u2019 there, what a unit of revenue leaves before media, adds it."
        ) in written.replace("&#39;", "\u2019").replace("model's", "model\u2019s")


def test_of_a_horizon_of_one_week_no_week_is_called_several():
    plain = made_up.findings(6)
    for total in (plain.recommendation.total, plain.recommendation.total + 1e5):
        plan = dataclasses.replace(plain.recommendation, weeks=1, total=total)
        found = dataclasses.replace(
            plain, recommendation=plan, subject=made_up.subject(weeks=1), long_term=made_up.long_term(["tv"])
        )
        for written in texts(found).values():
            assert not re.search(r"\b1 (weeks|channels|geos|tests|draws|chains|gates)\b", written)
    assert "| Last 1 week | Next 1 week |" in texts(found)["report.md"].replace("\\", "")
    assert "$100k, 4% more than in the last one." in texts(found)["report.md"].replace("\\", "")


def test_a_plan_for_the_long_term_says_so():
    found = made_up.findings(6, long_term=made_up.long_term(["tv"]))
    long = dataclasses.replace(
        found, recommendation=dataclasses.replace(found.recommendation, horizon="long"), right={}
    )
    assert "by way of the brand after that included" not in texts(found)["report.md"]
    assert "The recommendation counts the short term only" in texts(found)["report.md"]
    assert "by way of the brand after that included" in texts(long)["report.md"]
    assert "The recommendation counts the long term too" in texts(long)["report.md"]
    both = made_up.long_term(["tv", "ooh"])
    some = dataclasses.replace(long, long_term=both, long_told={"tv": True, "ooh": False})
    told = texts(some)["report.md"]
    assert "Of ooh that is not identified: no total to act on." in told
    assert "The recommendation counts the long term of tv too" in told
    none = dataclasses.replace(long, long_told={"tv": False})
    assert "The recommendation counts the short term only" in texts(none)["report.md"]


def test_names_are_escaped_and_shown_as_they_are():
    written = texts(made_up.findings(ODD))
    html = written["report.html"]
    assert "<b>" not in html
    assert "&lt;b&gt;&amp;&#34;" in html
    text = " ".join("".join(Outline(html).text).split())
    assert '<b>&"' in text
    assert shortened(ODD[3].strip(), 32) in text
    assert '\\<b\\>\\&"' in written["report.md"]
    assert "search\\|brand" in written["report.md"]


def test_the_page_needs_nothing_but_itself():
    html = html_of(6)
    outline = Outline(html)
    assert "http" not in html
    assert "url(#" in html
    assert not outline.of("script")
    assert not outline.of("link")
    assert not outline.of("img")
    assert all(
        value.startswith("#") for _, tag in outline.tags for key, value in tag.items() if "href" in key
    )


def test_the_page_is_accessible():
    outline = Outline(html_of(6))
    assert outline.of("html") == [{"lang": "en"}]
    assert len(outline.of("h1")) == 1
    assert len(outline.of("main")) == 1
    assert len(outline.of("title")) >= 1
    identifiers = [tag["id"] for _, tag in outline.tags if "id" in tag]
    assert len(identifiers) == len(set(identifiers))
    pictures = [tag for tag in outline.of("svg") if "role" in tag]
    assert len(pictures) == len(outline.of("figure")) == 2
    for picture in pictures:
        assert picture["role"] == "img"
        assert set(picture["aria-labelledby"].split()) <= set(identifiers)
    assert len(outline.of("caption")) == len(outline.of("table"))
    assert all(tag.get("scope") in ("col", "row") for tag in outline.of("th"))


def test_text_stands_out_from_its_ground():
    style = re.search(r":root \{(.*?)\}", texts(made_up.findings(1))["report.html"])[1]
    colours = dict(re.findall(r"--(\w+): (#\w{6})", style))

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for name in ("ink", "quiet", "deep"):  # WCAG 2 AAA against white
        assert 1.05 / (luminance(colours[name]) + 0.05) >= 7


def test_the_same_findings_give_the_same_bytes():
    assert texts(full(6))["report.html"] == html_of(6)


@pytest.mark.parametrize(("currency", "shown"), [("EUR", "€2.70M"), ("CHF", "CHF\u00a02.70M")])
def test_money_is_in_the_models_currency(currency, shown):
    html = texts(made_up.findings(6, subject=made_up.subject(currency=currency)))["report.html"]
    assert shown in html
    assert "$" not in html


def test_a_kpi_without_revenue_is_counted_in_its_units():
    """What pays for itself is known where a margin says what a unit is worth."""
    found = made_up.findings(6, subject=made_up.subject(outcome="orders", margin=None))
    html = texts(found)["report.html"]
    assert "+19.0k\u00a0orders" in html
    assert "what pays for itself" not in html
    priced = made_up.findings(6, subject=made_up.subject(outcome="orders", margin=2.0))
    assert "Dashed: what pays for itself, 0.5" in texts(priced)["report.html"]


def test_a_chart_is_drawn_once_whatever_settings_are_tried(monkeypatch):
    drawn = []
    monkeypatch.setattr(returns.charts, "returns", lambda *what: drawn.append(what) or draw(*what))
    assert page(full(20)).crowding > 0
    assert len(drawn) == 1


@pytest.mark.parametrize("count", [1, 6, 10, 20])
def test_each_sheet_holds_what_stands_on_it(count):
    assert max(sheets(page(full(count) if count > 1 else made_up.findings(1)))) <= SHEET + 12


@needs_chromium
@pytest.mark.slow
def test_it_prints_on_two_sheets_of_a4(tmp_path):
    odd, one = (
        texts(found)["report.html"] for found in (made_up.findings(ODD), made_up.findings(1, tests=None))
    )
    for name, html in {"one": one, "six": html_of(6), "twenty": html_of(20), "odd": odd}.items():
        (tmp_path / f"{name}.html").write_text(html, encoding="utf-8")
        assert printed_sheets(tmp_path / f"{name}.html", tmp_path) == (2, (210, 297)), name


@needs_chromium
@pytest.mark.slow
def test_nothing_runs_over_its_place(tmp_path):
    """Measured by the browser itself: no text of a table or chart lies outside the page, no labels on each other."""
    measure = """<script>
    const out = [], main = document.querySelector('main').getBoundingClientRect();
    for (const e of document.querySelectorAll('td, th, li, p, svg text, dd')) {
      const b = e.getBoundingClientRect();
      if (b.width && (b.right > main.right + 1 || b.left < main.left - 1)) out.push('outside: ' + e.textContent);
    }
    for (const svg of document.querySelectorAll('svg[role=img]')) {
      const t = [...svg.querySelectorAll('text')].map(e => [e.textContent, e.getBoundingClientRect()]);
      t.forEach(([x, a], i) => t.slice(i + 1).forEach(([y, b]) => {
        const w = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const h = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (w > 1.5 && h > 3) out.push('overlap: ' + x + ' / ' + y);
      }));
    }
    document.title = 'found ' + out.length + ': ' + out.slice(0, 5).join('; ');</script></body>"""
    for name, found in {"six": full(6), "twenty": full(20), "odd": made_up.findings(ODD)}.items():
        file = tmp_path / f"{name}.html"
        file.write_text(texts(found)["report.html"].replace("</body>", measure), encoding="utf-8")
        dom = chromium(file, "--window-size=1000,1400", "--dump-dom", profile=tmp_path / "profile")
        assert re.search("<title>(.*?)</title>", dom)[1].startswith("found 0"), (
            name,
            re.search("<title>(.*?)</title>", dom)[1],
        )


def decided(found, rows):
    """The findings with a plan of such cells, and what is said of a question that is not the plain one."""
    columns = ["channel", "geo", "week", "pattern", "current_spend", "recommended_spend"]
    plan = found.recommendation
    said = (
        "maximised: expected revenue",
        "certificate: no plan within the constraints does better than 3,211,482; this one has 3,211,105, a gap of "
        "0.01%. It rests on the dual of the concave envelopes",
        *plan.prices,
    )
    plan = dataclasses.replace(plan, cells=pd.DataFrame(rows, columns=columns), words=said)
    return dataclasses.replace(found, recommendation=plan)


def by_week(found, weeks=13):
    """The findings with a plan that decides weeks, which moves money from the last into the first."""
    rows = []
    for row in found.recommendation.channels.to_dict("records"):
        for week in range(1, weeks + 1):
            planned = (1 + 0.5 * (weeks + 1 - 2 * week) / weeks) * row["recommended_spend"] / weeks
            rows.append((row["channel"], "", week, "", row["current_spend"] / weeks, planned))
    return decided(found, rows)


def test_a_plan_by_week_shows_its_weeks_and_what_moves_when():
    written = texts(by_week(made_up.findings(6)))
    text = written["report.md"].replace("\\", "")
    assert "## Recommended spend by week" in text
    assert "More in week 1 (+$95.9k, +46%, mostly " in text
    assert "; less in week 13 (" in text
    assert "| Week | " in text
    assert 'class="flighting"' in written["report.html"]
    plain = texts(made_up.findings(6))["report.md"]
    assert "by week" not in plain


def divided(found, key, names):
    """The findings with a plan that decides geos or patterns: all that moves goes into the last of the names."""
    rows = []
    for row in found.recommendation.channels.to_dict("records"):
        for k, name in enumerate(names):
            last = k == len(names) - 1
            now, then = row["current_spend"], row["recommended_spend"]
            if key == "geo":
                spend = (now / len(names), now / len(names) + (then - now) * last)
                rows.append((row["channel"], name, np.nan, "", *spend))
            else:
                rows.append((row["channel"], "", np.nan, name, now * (k == 0), then * last))
    return decided(found, rows)


def test_a_plan_by_geo_or_pattern_shows_where_it_moves_and_where_all_cells_are():
    geos = texts(divided(made_up.findings(6), "geo", ["north", "mid", "south"]))["report.md"].replace(
        "\\", ""
    )
    assert "## Recommended spend by geo" in geos
    assert "6 cells of 18 move." in geos
    assert "| south | meta |" in geos
    assert "| north |" not in geos
    many = texts(divided(made_up.findings(12), "geo", ["north", "south"]))["report.md"].replace("\\", "")
    assert "largest moves are below, reporting.rpt_budget_cells has all of them." in many
    patterns = texts(divided(made_up.findings(6), "pattern", ["past", "front_loaded"]))["report.md"]
    patterns = patterns.replace("\\", "")
    assert "6 channels of 6 in another pattern than in the past." in patterns
    assert "| meta | front loaded |" in patterns
    assert "Recommended spend by" not in texts(made_up.findings(6))["report.md"]


@pytest.mark.parametrize("count", [1, 6, 12])
@pytest.mark.parametrize("key", ["geo", "pattern"])
def test_a_page_with_geos_or_patterns_is_estimated_to_fit_on_two_sheets(count, key):
    assert max(sheets(page(divided(full(count), key, ["past", "even", "pulsed"])))) <= SHEET + 12


@pytest.mark.parametrize("count", [1, 6, 12])
def test_a_page_with_weeks_is_estimated_to_fit_on_two_sheets(count):
    assert max(sheets(page(by_week(full(count))))) <= SHEET + 12


def test_keys_of_the_yaml_stand_in_quotes_for_readers_who_know_none():
    subject = made_up.subject(not_converged="R-hat 1.2: raise `fit: draws`", approximate="`engine: laplace`")
    found = made_up.findings(6, subject=subject, **FULL)
    found.recommendation.channels["note"] = "was off: `bounds` in money plan it"
    review = found.review.assign(figure=np.where(found.review.index == 0, np.nan, found.review["figure"]))
    html = texts(dataclasses.replace(found, review=review))["report.html"]
    assert "\u2018fit: draws\u2019" in html
    assert "`" not in html


def test_a_check_that_had_nothing_to_look_at_has_not_passed():
    review = made_up.review(warned=("rhat",))
    review.loc[review.index[-1], ["figure", "message"]] = [np.nan, "turned off"]
    section = health_section(made_up.findings(3, review=review), lines=False)
    count = len(review)
    assert section.heading == f"Model health: {count - 2} passed, 1 warned of, 1 had nothing to look at"
    said = [block for block in section.blocks if getattr(block, "lead", "") == "Nothing to look at:"]
    name = review["check_name"].iloc[-1].replace("_", " ")
    assert [block.text for block in said] == [f"{name} (turned off)."]
