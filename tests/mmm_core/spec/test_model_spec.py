"""The model specification: what is read, what is filled in, what is refused and how it is said."""

import re
import sys

import pytest
import yaml
from pydantic import Field

from mmm_core.errors import SpecError
from mmm_core.spec.fit_spec import Fit
from mmm_core.spec.media_spec import Channel, Media
from mmm_core.spec.model_spec import ModelSpec, load_spec, parse_spec
from mmm_core.transforms.adstock import ADSTOCKS
from tests.mmm_core.spec.minimal import MINIMAL, changed


def test_five_lines_are_a_model():
    spec = parse_spec(MINIMAL)
    assert spec.paid == ("tv",)
    assert spec.columns == ("week_start", "revenue", "tv_spend")
    assert spec.l_max == 8


def test_what_a_channel_leaves_out_comes_from_the_defaults():
    spec = parse_spec(
        {
            **MINIMAL,
            "media": {
                "defaults": {
                    "adstock": {"l_max": 6, "alpha": {"beta": [2, 5]}},
                    "saturation": {"slope": 1.0},
                    "prior": {"roi": {"lognormal": [0.5, 0.5]}},
                },
                "channels": {
                    "tv": {"spend": "tv_spend", "adstock": {"l_max": 13}},
                    "search": {"spend": "search_spend", "prior": {"contribution": {"beta": [2, 20]}}},
                },
                "organic": {"newsletter": {"exposure": "sends"}},
            },
        }
    )
    tv, search = spec.media.channels["tv"], spec.media.channels["search"]
    assert (tv.adstock.l_max, tv.adstock.parameters["alpha"].parameters) == (13, (2, 5))
    assert search.adstock.l_max == 6
    assert tv.saturation.parameters["slope"].family == "fixed"
    assert tv.prior.prior.parameters == (0.5, 0.5)
    assert search.prior.kind == "contribution"
    assert spec.media.organic["newsletter"].adstock.l_max == 6
    assert spec.media.organic["newsletter"].prior.kind == "contribution"


def test_a_channel_of_another_kind_keeps_the_defaults_that_all_kinds_share():
    spec = parse_spec(
        {
            **MINIMAL,
            "media": {
                "defaults": {
                    "adstock": {"l_max": 5, "alpha": {"beta": [2, 5]}},
                    "saturation": {"before_adstock": True, "slope": 1.0},
                },
                "channels": {
                    "tv": {
                        "spend": "tv_spend",
                        "adstock": {"kind": "weibull_cdf"},
                        "saturation": {"kind": "tanh"},
                    }
                },
            },
        }
    )
    tv = spec.media.channels["tv"]
    assert (tv.adstock.kind, tv.adstock.l_max, set(tv.adstock.parameters)) == (
        "weibull_cdf",
        5,
        {"shape", "scale"},
    )
    assert tv.saturation.before_adstock
    assert set(tv.saturation.parameters) == {"half_saturation"}
    assert spec.shape_parameters == {"shape": ("tv",), "scale": ("tv",), "half_saturation": ("tv",)}


FULL = {
    "kpi": {"column": "orders", "kind": "non_revenue", "scale": "log"},
    "media": {
        "defaults": {"time_varying": {"every": 26, "spread": {"halfnormal": [0.1]}}},
        "channels": {
            "tv": {"spend": "tv_spend", "group": "offline", "adstock": {"kind": "delayed", "peak": 1.5}},
            "video": {"spend": "s", "reach": "r", "frequency": "f", "prior": {"mroi": {"lognormal": [0, 1]}}},
        },
        "pooling": {"correlation": {"beta": [4, 2]}},
    },
    "geo": {"pooling": "none", "effects": "lognormal"},
    "treatments": {
        "promotion": {"column": "p", "baseline": "zero", "prior": {"contribution": {"normal": [0, 0.1]}}},
        "price": {"column": "q", "baseline": 9.99},
    },
    "baseline": {
        "slope": "random_walk",
        "holidays": {"country": "US", "subdivision": "CA", "names": ["Labor Day"], "window": [-1, 1]},
        "steps": {"new_shop": "2024-05-01"},
    },
    "likelihood": {"kind": "student_t", "nu": {"gamma": [2, 0.1]}},
    "fit": {"engine": "laplace", "precision": "float32", "layout": "vectorized"},
}


def test_the_whole_family_is_read_and_written_back():
    spec = parse_spec({**MINIMAL, **FULL})
    assert parse_spec(yaml.safe_load(spec.to_yaml())) == spec
    assert spec.columns == ("week_start", "geo", "orders", "tv_spend", "s", "r", "f", "p", "q")
    assert spec.sampled_treatments == ("promotion",)
    assert spec.student_t.nu.family == "gamma"
    assert spec.media.channels["tv"].prior.kind == "total_share"
    assert spec.media.channels["video"].prior.kind == "mroi"
    assert spec.media.channels["tv"].time_varying.every == 26
    assert parse_spec(changed(["likelihood"], "student_t")).student_t.nu.median() == 4


def test_yaml_round_trip_and_hash():
    spec = parse_spec(changed(["fit", "seed"], 11))
    again = parse_spec(yaml.safe_load(spec.to_yaml()))
    assert again == spec
    assert again.spec_hash == spec.spec_hash


@pytest.mark.parametrize(
    ("path", "value", "same"),
    [
        (["owner"], "team:other", True),
        (["review", "ess_bulk"], 400, True),
        (["budget", "weeks"], 26, True),
        (["reconciliation"], {"weeks": 52, "attribution": {"bias": {"sd": 0.1}}}, True),
        (["experiments"], {"weeks": [4], "margin": 0.4}, True),
        (["fit", "seed"], 8, False),
        (["media", "channels", "tv", "spend"], "tv_cost", False),
        (["baseline", "seasonality"], {"order": 3}, False),
    ],
)
def test_hash_changes_with_what_can_change_the_posterior(path, value, same):
    assert (parse_spec(changed(path, value)).spec_hash == parse_spec(MINIMAL).spec_hash) is same


class NewerFit(Fit):
    pacing: str = "even"


class NewerChannel(Channel):
    weight: float = 1.0


class NewerMedia(Media):
    channels: dict[str, NewerChannel]
    order: tuple[str, ...] = ()


class Newer(ModelSpec):
    """A specification of a later version, with keys that this one has not."""

    media: NewerMedia
    fit: NewerFit = NewerFit()
    evidence: dict[str, str] = Field(default={})


def test_a_new_key_at_its_default_changes_no_hash():
    mapping = {**MINIMAL, **FULL}
    known = parse_spec(mapping).spec_hash
    assert Newer.model_validate(mapping).spec_hash == known
    assert Newer.model_validate(MINIMAL).spec_hash == parse_spec(MINIMAL).spec_hash
    assert Newer.model_validate({**mapping, "evidence": {"a": "b"}}).spec_hash != known
    assert Newer.model_validate({**mapping, "fit": {**FULL["fit"], "pacing": "front"}}).spec_hash != known


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (["kpl"], {}, "kpl: unknown key 'kpl': did you mean 'kpi'?"),
        (["media", "channels", "tv", "adstok"], {}, "did you mean 'adstock'?"),
        (
            ["media", "channels", "tv", "reach"],
            "tv_reach",
            "reach and frequency go together: name both columns",
        ),
        (["calibration"], {"lift_tests": "all"}, "calibration.lift_tests"),
        (["calibration"], {"nu": 1}, "calibration.nu"),
        (["long_term"], {"metric": ["awareness"]}, "did you mean 'metrics'?"),
        (["baseline", "slop"], "constant", "did you mean 'slope'?"),
        (["baseline", "holidays"], {}, "baseline.holidays.country: required"),
        (["baseline", "holidays"], {"country": "US", "window": [1, 2]}, "window [1, 2] must hold 0"),
        (["baseline"], {"level": "linear", "slope": "constant"}, "a slope belongs to `level: random_walk`"),
        (["treatments"], {"promo": {"colum": "x"}}, "did you mean 'column'?"),
        (["treatments"], {"promo": {"column": "x", "baseline": "mni"}}, "did you mean 'min'?"),
        (["treatments"], {"promo": {"column": "x", "prior": {}}}, "exactly one of contribution, coefficient"),
        (["geo"], {"pooling": "partail"}, "did you mean 'partial'?"),
        (["baseline", "level"], "randomwalk", "did you mean 'random_walk'?"),
        (["likelihood"], "studentt", "did you mean 'student_t'?"),
        (["likelihood"], {"kind": "student_t", "mu": 4}, "likelihood.mu: unknown key 'mu': known: kind, nu"),
        (["fit", "engine"], "nutpie", "fit.engine: "),
        (["budget", "objective"], "cvar", "budget.objective: "),
        (["kpi"], {"column": "x", "kind": "non_revenue", "revenue_per_unit": "y"}, "leave one out"),
        (["media", "pooling"], {"by": "channel"}, "got 'channel': known: group"),
        (["media", "pooling"], {"correlation": 1}, "fix it below 1"),
        (
            ["media", "channels", "tv", "saturation"],
            {"kind": "hil"},
            "unknown saturation 'hil': did you mean 'hill'?",
        ),
        (
            ["media", "channels", "tv", "saturation"],
            {"kind": "tanh", "slope": 1},
            "saturation 'tanh' has no 'slope'",
        ),
        (["media", "channels", "tv", "adstock"], {"alpha": {"gamma": [2, 1]}}, "must stay within [0, 1]"),
        (["media", "channels", "tv", "adstock"], {"alpha": "high"}, "{family: [parameters]} or a number"),
        (["media", "channels", "tv", "adstock"], {"kind": "geomtric"}, "did you mean 'geometric'?"),
        (["media", "channels", "tv", "prior"], {"roi": {"lognorml": [0, 1]}}, "did you mean 'lognormal'?"),
        (["media", "channels", "tv", "prior"], {"roi": {"lognormal": [0]}}, "takes ['loc', 'scale']"),
        (["media", "channels", "tv", "prior"], {"roi": {"normal": [0, 1]}}, "must stay within [0, inf]"),
        (["media", "channels", "tv", "prior"], {"mroi": 1.0, "roi": 1.0}, "exactly one of roi, mroi"),
        (["extensions"], ["no_such_module"], "module 'no_such_module' cannot be imported"),
        (
            ["media", "channels", "tv", "adstock"],
            {"alpha": {"beta": [0, 3]}},
            "concentration1 must be positive",
        ),
        (
            ["media", "organic"],
            {"mail": {"exposure": "m", "prior": {"roi": {"lognormal": [0, 1]}}}},
            "no roi",
        ),
        (["budget", "bounds"], {"tvv": [0.5, 1.5]}, "did you mean 'tv'?"),
        (
            ["experiments"],
            {"channels": ["tvv"]},
            "experiments.channels names 'tvv', no paid channel: did you mean",
        ),
        (["experiments"], {"changes": [0]}, "a change of 0 is no experiment"),
        (["experiments"], {"weeks": [4, 4]}, "name each once"),
        (["budget", "bounds"], {"tv": [1.5, 0.5]}, "0 <= lower <= upper"),
        (["time"], {"from": "2024-01-01", "to": "2023-01-01"}, "is not before"),
        (["model"], "Small Model", "write lower case, digits and underscores"),
        (
            ["baseline", "events"],
            {"sale": "2024-01-01"},
            "events.sale: input should be a valid list, got '2024-01-01'",
        ),
        (["baseline", "steps"], {"shop": "1/2/24"}, "write YYYY-MM-DD"),
        (["baseline", "holidays"], {"country": False}, "got False: put it in quotes"),
        (["kpi", "column"], 2024, "got 2024: put it in quotes"),
        (
            ["table"],
            {"market": "de"},
            "table: input should be a valid string, got {'market': 'de'}: write one text; a mapping is not read here",
        ),
        (["table"], ["a", "b"], "got ['a', 'b']: write one text; a list is not read here"),
        (["table"], None, "got None: nothing stands there: write a text"),
        (["controls"], [{"a": "b"}], "write one text; a mapping is not read here"),
        (["treatments"], {"promo": "column"}, "write a mapping: {key: value}"),
        (["fit", "chains"], 0, "fit.chains: write a whole number from 1 to 64, got 0"),
        (["fit", "chains"], None, "fit.chains: write a whole number from 1 to 64, got None"),
        (["fit", "draws"], "many", "fit.draws: write a whole number from 100 to 100000, got 'many'"),
        (["fit", "draws"], 10**9, "fit.draws: write a whole number from 100 to 100000, got 1000000000"),
        (["fit", "warmup"], 10**9, "fit.warmup: write a whole number from 100 to 100000, got 1000000000"),
        (["fit", "target_accept"], 2, "write a number above 0.5 and below 1, got 2"),
        (
            ["budget"],
            {"total": "lots"},
            "budget.total: write a number above 0 and of at most 1e+15, got 'lots'",
        ),
        (
            ["media", "channels", "tv", "adstock"],
            {"l_max": "eight"},
            "media.channels.tv.adstock.l_max: write a whole number from 0 to 52, got 'eight'",
        ),
        (["media", "channels", "tv", "adstock"], {"l_max": 2.5}, "a whole number from 0 to 52, got 2.5"),
        (["baseline", "holidays"], {"country": "US", "window": ["a", 1]}, "write a whole number, got 'a'"),
        (
            ["media", "channels", "tv", "saturation"],
            {"before_adstock": "maybe"},
            "before_adstock: write true or false, got 'maybe'",
        ),
        (["media", "channels"], {}, "media.channels: write at least 1, got {}"),
        (["budget", "bounds"], {"tv": [1, 2, 3]}, "budget.bounds.tv: write at most 2, got [1, 2, 3]"),
        (
            ["budget", "bounds"],
            {"tv": {"spend": [9, 5]}},
            "budget.bounds.tv: bounds must satisfy 0 <= lower <= upper",
        ),
        (["budget", "bounds"], {"tv": {"spnd": [0, 5]}}, "unknown key 'spnd': did you mean 'spend'?"),
        (["budget", "bounds"], {"tv": {}}, "budget.bounds.tv: state exactly one of relative, spend"),
        (
            ["budget", "bounds"],
            {"tv": {"spend": [0, "x"]}},
            "budget.bounds.tv.spend.1: write a number, got 'x'",
        ),
        (
            ["media", "channels", "default"],
            {"spend": "default_spend"},
            "a channel cannot be called 'default'",
        ),
        (
            ["media", "channels", "tv", "prior"],
            {"roi": {"normal": [0, 1]}},
            "its support is [-inf, inf]: write lognormal, halfnormal or gamma, or a number in it",
        ),
        (
            ["media", "channels", "tv", "adstock"],
            {"alpha": 2},
            "its support is [2, 2]: write beta, or a number",
        ),
    ],
)
def test_refused_and_said_why(path, value, says):
    with pytest.raises(SpecError) as error:
        parse_spec(changed(path, value), source="models/small.yaml")
    assert says in str(error.value)
    assert str(error.value).startswith("models/small.yaml")


def test_a_key_that_takes_several_forms_is_explained_once():
    for path, value in (
        (["likelihood"], "studentt"),
        (["treatments"], {"p": {"column": "x", "baseline": "mni"}}),
    ):
        with pytest.raises(SpecError) as error:
            parse_spec(changed(path, value))
        assert len(str(error.value).splitlines()) == 2
        assert "literal[" not in str(error.value)


@pytest.mark.parametrize("wrong", [-1, 0, "learnt", "-1", [1, 2], None, True, {"a": 1}, float("inf")])
@pytest.mark.parametrize("key", ["seasonality", "controls", "holidays"])
def test_a_wrong_scale_of_shrinkage_is_told_in_one_line_with_what_may_be_written(key, wrong):
    with pytest.raises(SpecError) as error:
        parse_spec(changed(["baseline", "shrinkage"], {key: wrong}))
    _, *lines = str(error.value).splitlines()
    says = f"  baseline.shrinkage.{key}: write learned or a number above 0, got {wrong!r}"
    assert lines == [says + (": did you mean 'learned'?" if wrong == "learnt" else "")]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            "learned",
            "got 'learned': write a mapping: {key: value}, known keys: seasonality, controls, holidays",
        ),
        ([1], "got [1]: write a mapping: {key: value}, known keys: seasonality, controls, holidays"),
        ({"season": 1}, "baseline.shrinkage.season: unknown key 'season': did you mean 'seasonality'?"),
    ],
)
def test_shrinkage_that_is_no_mapping_of_its_keys_names_them(wrong, says):
    with pytest.raises(SpecError) as error:
        parse_spec(changed(["baseline", "shrinkage"], wrong))
    assert says in str(error.value)
    assert len(str(error.value).splitlines()) == 2


def test_every_fault_is_listed_at_once():
    spec = changed(["kpl"], {})
    spec["fit"] = {"warmpu": 3}
    with pytest.raises(SpecError, match="kpl") as error:
        parse_spec(spec)
    assert "did you mean 'warmup'?" in str(error.value)


def test_files_that_are_no_specification(tmp_path):
    with pytest.raises(SpecError, match="no such model file"):
        load_spec(tmp_path / "absent.yaml")
    (tmp_path / "broken.yaml").write_text("model: [")
    with pytest.raises(SpecError, match="not valid YAML"):
        load_spec(tmp_path / "broken.yaml")
    (tmp_path / "list.yaml").write_text("- a")
    with pytest.raises(SpecError, match="expected a mapping"):
        load_spec(tmp_path / "list.yaml")


def test_a_key_that_is_written_twice_is_refused_where_it_stands(tmp_path):
    path, whole = tmp_path / "small.yaml", yaml.safe_dump(MINIMAL, sort_keys=False)
    path.write_text(f"{whole}fit: {{seed: 1}}\nbaseline: {{}}\nfit: {{draws: 500}}\n")
    lines = len(whole.splitlines()) + 1, len(whole.splitlines()) + 3
    with pytest.raises(SpecError) as error:
        load_spec(path)
    assert str(error.value) == (
        f"{path}: key 'fit' is written twice, on lines {lines[0]} and {lines[1]}: keep one"
    )
    path.write_text(whole.replace("    tv:", "    tv: {spend: tv_cost}\n    tv:"))
    with pytest.raises(SpecError, match="key 'tv' is written twice, on lines 7 and 8"):
        load_spec(path)
    # one entry taken over from another, and changed there, is no repetition
    path.write_text(whole + "treatments:\n  a: &a {column: p, baseline: zero}\n  b: {<<: *a, column: q}\n")
    assert load_spec(path).treatments["b"].column == "q"


SHAPES = """
from mmm_core.transforms.adstock import ADSTOCKS
from mmm_core.transforms.registry import parameter


@ADSTOCKS.register("{name}", span=parameter("weeks", uniform=[1, 8]))
def {name}(lags, span):
    return 1 - lags / span
"""


@pytest.fixture
def registered():
    """Names of modules and kinds of a test, which are forgotten afterwards."""
    names = []
    yield names
    for name in names:
        sys.modules.pop(f"shapes_{name}", None)
        ADSTOCKS.pop(name, None)


def test_extensions_stand_beside_the_file_or_in_the_current_folder(tmp_path, monkeypatch, registered):
    beside, current = tmp_path / "models", tmp_path / "current"
    path_before = list(sys.path)
    for folder, name in ((beside, "near"), (current, "here")):
        registered.append(name)
        folder.mkdir()
        (folder / f"shapes_{name}.py").write_text(SHAPES.format(name=name))
        spec = {
            **changed(["media", "defaults"], {"adstock": {"kind": name}}),
            "extensions": [f"shapes_{name}"],
        }
        (beside / f"{name}.yaml").write_text(yaml.safe_dump(spec))
    with pytest.raises(SpecError, match="put it beside the model's YAML, in the current folder or on the Py"):
        load_spec(beside / "here.yaml")
    assert load_spec(beside / "near.yaml").media.channels["tv"].adstock.kind == "near"
    monkeypatch.chdir(current)
    assert load_spec(beside / "here.yaml").media.channels["tv"].adstock.kind == "here"
    assert sys.path == path_before


def test_a_component_needs_a_name_of_its_own():
    with pytest.raises(SpecError, match="tv: named more than once"):
        parse_spec({**MINIMAL, "controls": ["tv"]})
    with pytest.raises(SpecError, match="price: named more than once"):
        parse_spec({**MINIMAL, "controls": ["price"], "baseline": {"events": {"price": ["2024-01-01"]}}})
    with pytest.raises(SpecError, match="'holidays' is what reports call a part of the baseline"):
        parse_spec({**MINIMAL, "controls": ["holidays"]})


CHANNELS = {"tv": {"spend": "tv_spend"}, "search": {"spend": "search_spend", "exposure": "clicks"}}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"controls": ["revenue"]},
            "column 'revenue' is kpi.column and controls: the outcome cannot explain",
        ),
        ({"treatments": {"p": {"column": "revenue"}}}, "is kpi.column and treatments.p.column"),
        ({"media": {"channels": {"tv": {"spend": "revenue"}}}}, "kpi.column and media.channels.tv.spend"),
        (
            {
                "kpi": {"column": "orders", "revenue_per_unit": "price"},
                "media": {"channels": CHANNELS, "organic": {"mail": {"exposure": "price"}}},
            },
            "column 'price' is kpi.revenue_per_unit and media.organic.mail.exposure",
        ),
        (
            {"media": {"channels": CHANNELS}, "controls": ["clicks"]},
            "media.channels.search.exposure and controls: nothing tells the two effects apart: leave one out",
        ),
        (
            {"media": {"channels": CHANNELS}, "treatments": {"p": {"column": "tv_spend"}}},
            "column 'tv_spend' is media.channels.tv.spend and treatments.p.column",
        ),
        (
            {"media": {"channels": {**CHANNELS, "radio": {"spend": "tv_spend"}}}},
            "column 'tv_spend' is media.channels.tv.spend and media.channels.radio.spend: two channels cannot share "
            "it: merge them, or leave one out",
        ),
        (
            {"media": {"channels": CHANNELS, "organic": {"posts": {"exposure": "clicks"}}}},
            "column 'clicks' is media.channels.search.exposure and media.organic.posts.exposure",
        ),
    ],
)
def test_a_column_has_one_role(changes, says):
    with pytest.raises(SpecError, match=re.escape(says)):
        parse_spec({**MINIMAL, **changes})


def test_a_column_may_be_spend_and_exposure_of_one_channel_and_a_price_both_worth_and_lever():
    parse_spec({**MINIMAL, "media": {"channels": {"tv": {"spend": "tv_spend", "exposure": "tv_spend"}}}})
    kpi = {"column": "orders", "revenue_per_unit": "price"}
    assert parse_spec({**MINIMAL, "kpi": kpi, "controls": ["price"]}).column_keys["price"] == (
        "kpi.revenue_per_unit",
        "controls",
    )


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"weights": {"model": 0}}, "reconciliation.weights: state at least one weight above 0"),
        ({"weights": {"model": -1}}, "reconciliation.weights.model: write a number from 0 to 1000, got -1"),
        ({"weights": {"model": 1e308, "tests": 1e308}}, "reconciliation.weights.model: write a number from 0 to 1000"),
        ({"weights": {"modell": 1}}, "reconciliation.weights.modell: unknown key 'modell': did you mean 'model'"),
        ({"attribution": {"bias": {"mean": 1e308}}}, "reconciliation.attribution.bias.mean: write a number from -7 to"),
        ({"attribution": {"bias": {"sd": 1e308}}}, "reconciliation.attribution.bias.sd: write a number from 0 to 5"),
    ],
)  # fmt: skip
def test_a_rule_of_reconciliation_that_cannot_be_meant_is_refused_by_the_keys_of_the_yaml(section, says):
    with pytest.raises(SpecError) as error:
        parse_spec({**MINIMAL, "reconciliation": section})
    assert says in str(error.value)
    assert "[" not in str(error.value)


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"weeks": [1]}, "experiments.weeks.0: write a whole number from 2 to 52, got 1"),
        ({"weeks": [4, 500]}, "experiments.weeks.1: write a whole number from 2 to 52, got 500"),
        ({"changes": [-2.0]}, "experiments.changes.0: write a number from -1 to 10, got -2.0"),
        ({"shares": [0]}, "experiments.shares.0: write a number above 0 and of at most 1, got 0"),
        ({"weeks": []}, "experiments.weeks: write at least 1, got []"),
    ],
)
def test_an_entry_of_a_list_is_refused_with_the_range_of_an_entry(section, says):
    with pytest.raises(SpecError) as error:
        parse_spec({**MINIMAL, "experiments": section})
    assert str(error.value).splitlines()[1:] == [f"  {says}"]
