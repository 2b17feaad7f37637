"""What changed and why: a kind that did not change has no part, the parts add up, and small differences are chance."""

import copy

import numpy as np
import pytest

from mmm_core.data.table import check_table, fingerprint
from mmm_core.effects.roi import roi_draws
from mmm_core.errors import DamagedFile, InputError
from mmm_core.evidence.stored import Evidence
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.schema import LIFT_TESTS
from mmm_core.report import change as module
from mmm_core.report.change import KINDS, change, refits_needed, swaps
from mmm_core.report.change_section import change_section
from mmm_core.report.change_stored import read_change, to_json
from mmm_core.report.differences import differences
from mmm_core.report.markdown import markdown
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.agreement.calibrated import lift_test
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table
from tests.mmm_core.report import made_up

FIT = {"chains": 2, "warmup": 100, "draws": 100, "seed": 5}
SMALL = {**SPEC, "fit": FIT}
WEEKS = 64


def of(weeks=WEEKS, spec=None, tests=(), seed=1, draws=100, table=None, **fixed):
    """A posterior made by hand on the first weeks of one table."""
    table = weekly_table(WEEKS).iloc[:weeks] if table is None else table
    tree = posterior(spec or SMALL, table, draws=draws, seed=seed, **fixed)
    if tests:
        known = tuple(lift_test(50.0, 20.0, name) for name in tests)
        tree.attrs[LIFT_TESTS] = Evidence("small", known[0].test.end, known).to_json()
    return tree


def seasonal(order):
    return {**SMALL, "baseline": {"seasonality": {"order": order}}}


def parts(found):
    """Parts of the changes of ROI, (channel, kind)."""
    return found.table[found.table["metric"] == "roi"][list(KINDS)].to_numpy()


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        ({"weeks": 63}, {}, "data"),
        ({}, {"tests": ("a",)}, "evidence"),
        ({"spec": seasonal(2)}, {"spec": seasonal(1)}, "specification"),
    ],
)
def test_where_one_kind_changed_the_others_have_no_part_and_no_refit_is_made(before, now, kind, monkeypatch):
    monkeypatch.setattr(module, "refit", None)
    found = change(of(**before), of(**now, seed=2, coefficient=[[2.0, 2.0, 0.1]]))
    assert found.steps == ((kind,),)
    assert found.refits == 0
    others = [KINDS.index(name) for name in KINDS if name not in (kind, "chance")]
    assert (parts(found)[:, others] == 0).all()
    assert (parts(found)[:, KINDS.index(kind)] != 0).any()
    rows = found.table
    assert rows[list(KINDS)].sum(axis=1).to_numpy() == pytest.approx(rows["change"].to_numpy())


def test_where_nothing_changed_but_the_seed_everything_is_chance():
    before, now = of(), of(seed=2)
    now.attrs["seed"] = before.attrs["seed"] + 1
    found = change(before, now)
    assert found.steps == ((),)
    assert (parts(found)[:, :-1] == 0).all()
    assert (parts(found)[:, -1] != 0).any()


def test_the_same_posterior_did_not_change():
    found = change(of(), of())
    assert not found.differs
    assert (found.table["change"] == 0).all()


def test_differences_within_the_monte_carlo_error_are_chance():
    """The same draws but for a shift: of a tenth of the error, and of ten times it."""
    before = of(63)
    for shift, kind in ((1 + 1e-6, "chance"), (1.5, "data")):
        now = of()
        now["posterior"]["coefficient"] = now["posterior"]["coefficient"] * 0 + (
            before["posterior"]["coefficient"].to_numpy() * shift
        )
        for name in before["posterior"].data_vars:
            if "channel" in before["posterior"][name].dims and name != "coefficient":
                now["posterior"][name] = now["posterior"][name] * 0 + before["posterior"][name].to_numpy()
        paid = parts(change(before, now))
        assert (paid[:, KINDS.index(kind)] != 0).all(), kind


def test_order_and_grouping():
    both = Posterior.of(of(63)), Posterior.of(of(tests=("a",), spec=seasonal(1)))
    assert swaps(*both) == [("data",), ("evidence",), ("specification",)]
    assert refits_needed(*both) == 2
    older = of(63)
    older.attrs["source"] = "0" * 16
    assert swaps(Posterior.of(older), both[1])[0] == ("data", "software")
    same_table = of()
    same_table.attrs["source"] = "0" * 16
    assert swaps(Posterior.of(same_table), both[1]) == [("software",), ("evidence",), ("specification",)]


def test_without_a_table_kinds_are_told_together():
    found = change(of(63), of(tests=("a",), seed=2, coefficient=[[2.0, 2.0, 0.1]]))
    assert found.steps == (("data", "evidence"),)
    assert "no table was given" in found.note
    text = section_text(found)
    assert "by data and evidence" in text
    assert "Told together: no table was given to refit on" in text


def section_text(found):
    from mmm_core.report.contents import page

    whole = markdown(page(made_up.findings(["tv", "search"], change=found))).replace("\\", "")
    return whole[whole.index("## What changed") : whole.index("## What each")]


@pytest.mark.slow
@pytest.mark.usefixtures("hurried_compiler")
def test_two_kinds_are_told_apart_by_one_refit_with_one_of_them_swapped(monkeypatch):
    """Data first: the refit sees the new table and the old evidence."""
    fits = []

    def kept(*arguments, **settings):
        fits.append((settings["lift_tests"], actual(*arguments, **settings)))
        return fits[-1][1]

    actual = module.refit
    monkeypatch.setattr(module, "refit", kept)
    before, now = of(63), of(tests=("a",), seed=2)
    found = change(before, now, weekly_table(WEEKS))
    ((evidence, middle),) = fits
    assert evidence is None
    assert middle.attrs["table"] == now.attrs["table"]
    assert found.steps == (("data",), ("evidence",))
    assert (found.refits, found.draws) == (1, 200)
    means = [roi_draws(tree)["roi"].sel(channel="tv").to_numpy().mean() for tree in (before, middle, now)]
    row = found.table[(found.table["metric"] == "roi") & (found.table["channel"] == "tv")].iloc[0]
    for kind, step in zip(("data", "evidence"), np.diff(means), strict=True):
        assert row[kind] in (0.0, pytest.approx(step))
    assert row[list(KINDS)].sum() == pytest.approx(means[-1] - means[0])
    assert row["specification"] == 0


@pytest.mark.slow
def test_a_model_that_cannot_be_fitted_on_the_new_table_is_told_together():
    """The earlier model reads a column that the new table does not have any more."""
    table = weekly_table(WEEKS)
    earlier = {**SMALL, "controls": ["price", "discount"]}
    before, now = of(63, spec=earlier), of()
    found = change(before, now, table.drop(columns="discount"))
    assert found.steps == (("data", "specification"),)
    assert "'discount'" in found.note


def test_another_model_or_another_table_is_refused():
    other = of()
    other.attrs["model"] = "large"
    with pytest.raises(InputError, match="previous posterior is of model large"):
        change(other, of())
    with pytest.raises(InputError, match="is not the table that the later posterior was fitted on"):
        change(of(63), of(tests=("a",)), weekly_table(WEEKS, seed=4))


def test_what_differs_is_said_in_words():
    table = weekly_table(WEEKS)
    restated = table.copy()
    restated.loc[10, "revenue"] += 5
    restated.loc[[20, 21], "tv_spend"] += 5
    restated.loc[7, "price"] += 1
    spec = parse_spec(SMALL)
    assert fingerprint(check_table(table, spec)) != fingerprint(check_table(restated, spec))
    before = Posterior.of(of(table=table.iloc[:-2], tests=("a", "b")))
    now = Posterior.of(of(table=restated, tests=("b", "c"), spec=seasonal(1)))
    found = differences(before, now)
    assert found["data"] == (
        "2 new weeks, to 17 Mar 2025; KPI restated in 1 week; spend of tv restated in 2 weeks; price restated in 1 week"
    )
    assert found["evidence"] == "new: c; no longer used: a"
    assert found["specification"] == "baseline.seasonality.order from 2 to 1"
    assert "software" not in found


def test_channels_that_came_and_went_are_named():
    with_video = copy.deepcopy(SMALL)
    with_video["media"]["channels"]["video"] = {"spend": "video_spend"}
    del with_video["media"]["channels"]["search"]
    found = change(of(), of(spec=with_video))
    assert (found.joined, found.left) == (("video",), ("search",))
    assert set(found.table["channel"]) == {"tv", "newsletter"}


def test_a_change_reads_back_exactly(tmp_path):
    found = change(of(63), of(tests=("a",)))
    file = tmp_path / "change.json"
    file.write_text(to_json(found))
    again = read_change(file)
    assert again.table.equals(found.table)
    assert {**again.__dict__, "table": 0} == {**found.__dict__, "table": 0}
    file.write_text("{}")
    with pytest.raises(DamagedFile, match="no record of a change"):
        read_change(file)


def test_the_section_says_what_each_kind_did():
    text = section_text(made_up.change(["tv", "search"], ("data", "evidence")))
    assert "* **Data**: 1 new week, to 16 Nov 2026" in text
    assert "| search | 1.00 | 1.19 | +0.19 | +0.10 | +0.10 | 0 | −0.01 |" in text
    assert "1 refit of 1,000 draws" in text
    assert change_section(made_up.findings(2)).blocks[0].text.startswith("There is no previous")
