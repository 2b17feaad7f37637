"""A file that is no model is refused by name and line, and neither ends the process nor fills the screen."""

import os
import resource
import subprocess
import sys

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mmm_core.errors import SpecError
from mmm_core.spec.model_spec import load_spec, parse_spec
from mmm_core.spec.yaml_file import MAX_BYTES, MAX_DEPTH, read_yaml
from tests.waiting import HANGS, Stopwatch

MINIMAL = {
    "model": "small",
    "table": "weekly_tables/small",
    "kpi": {"column": "revenue"},
    "media": {"channels": {"tv": {"spend": "tv_spend"}}},
}
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{now}: &{now} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, now in zip("abcdefgh", "bcdefghi", strict=True)
)
REFUSED = {
    "not UTF-8": (
        "model: small\nkpi: K\xf6ln\n".encode("latin-1"),
        "line 2 is not UTF-8: save the file as UTF-8",
    ),
    "UTF-16": ("model: small\n".encode("utf-16"), "line 1 is not UTF-8"),
    "deep brackets": (b"a: " + b"[" * 90_000, f"line 1 nests too deeply: {MAX_DEPTH} levels at most"),
    "deep mappings": ("".join(" " * i + "a:\n" for i in range(400)).encode(), "nests too deeply"),
    "a billion laughs": (LAUGHS.encode(), "more than 20,000 values with its aliases written out"),
    "an alias of itself": (b"a: &a [*a]\n", "line 1: holds an alias of itself"),
    "infinite": (
        b"model: small\nfit:\n  target_accept: .inf\n",
        "line 3: '.inf' is no number to compute with",
    ),
    "nan in a list": (b"a: [1, .NaN]\n", "line 1: '.NaN' is no number"),
    "beyond floats": (b"a: 1.0e+999\n", r"line 1: '1\.0e\+999' is no number"),
    "no day": (b"time:\n  from: 2024-02-31\n", "line 2: '2024-02-31' cannot be read"),
    "endless integer": (b"a: " + b"9" * 10_000, "cannot be read: .*digits"),
    "large": (b"#" * (MAX_BYTES + 1), "a YAML has 200,000 at most"),
    "a long tag": (b"a: !" + b"x" * 150_000 + b" 1\n", "not valid YAML"),
    "the same key composed twice": (
        "kpi:\n  k\u00f6: 1\n  ko\u0308: 2\n".encode(),
        "on lines 2 and 3: keep one",
    ),
    "a control character": (b"model: small\nowner: a\0b\n", r"line 2 holds the character '\\x00'"),
    "two documents": (b"a: 1\n---\nb: 2\n", "not valid YAML"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_no_model_is_refused_by_file_and_line(tmp_path, fault):
    content, says = REFUSED[fault]
    path = tmp_path / "m.yaml"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=says) as refusal:
        load_spec(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert len(str(refusal.value)) < 1500


def test_what_is_no_file_is_refused_and_nothing_waits(tmp_path):
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.yaml")
    for name, says in {
        "folder.yaml": "is a folder",
        "gone.yaml": "a link to a file that is not there",
        "pipe.yaml": "is a pipe or a device",
        "absent.yaml": "no such model file",
    }.items():
        with pytest.raises(SpecError, match=says):
            read_yaml(tmp_path / name)


def test_nested_aliases_take_neither_time_nor_memory(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text(LAUGHS + yaml.safe_dump(MINIMAL))
    code = f"""
from mmm_core.spec.model_spec import load_spec
try:
    load_spec({str(path)!r})
except ValueError as error:
    print(len(str(error)))
"""
    limit = 2 * 2**30  # bytes of address space: what the imports need, several times
    with Stopwatch() as read:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=HANGS,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
        )
    assert read.seconds < 60
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 500


def test_aliases_and_merges_that_a_model_needs_are_read(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text(
        "\ufeffmodel: m\ntable: t\nkpi: {column: y}\nmedia:\n  channels:\n"
        "    a: &c {spend: a, adstock: &s {l_max: 3}}\n    b: {spend: b, adstock: *s}\n"
        "    c: {<<: *c, spend: c}\n",
        encoding="utf-8",
    )
    assert [channel.adstock.l_max for channel in load_spec(path).media.channels.values()] == [3, 3, 3]


def test_the_message_is_bounded_whatever_stands_in_the_file(tmp_path):
    keys = "".join(f"{'x' * 500}{i}: {{{'y' * 500}: 1}}\n" for i in range(150))
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(MINIMAL) + keys)
    with pytest.raises(SpecError, match="and 110 more") as refusal:
        load_spec(tmp_path / "m.yaml")
    assert len(str(refusal.value)) < 30_000


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PLACES = [
    ("kpi",), ("kpi", "column"), ("media",), ("media", "defaults"), ("media", "defaults", "adstock"),
    ("media", "channels"), ("media", "channels", "tv"), ("media", "channels", "tv", "adstock"),
    ("media", "channels", "tv", "adstock", "kind"), ("media", "channels", "tv", "saturation"),
    ("media", "channels", "tv", "prior"), ("media", "organic"), ("filter",), ("time",), ("time", "from"), ("geo",),
    ("controls",), ("treatments",), ("treatments", "p"), ("baseline",), ("baseline", "events"), ("baseline", "steps"),
    ("baseline", "holidays"), ("likelihood",), ("fit",), ("review",), ("review", "roi"), ("budget",),
    ("budget", "bounds"), ("extensions",),
]  # fmt: skip


@settings(max_examples=300)
@given(st.sampled_from(PLACES), JUNK)
def test_junk_anywhere_is_read_or_refused_in_words(place, junk):
    spec = yaml.safe_load(yaml.safe_dump(MINIMAL))
    inner = spec
    for key in place[:-1]:
        inner = inner.setdefault(key, {})
    inner[place[-1]] = junk
    if place == ("extensions",):
        junk = []
        inner["extensions"] = ["no_such_module_of_ours"]
    said = refusal_of(spec)
    assert said == "" or said.startswith("m.yaml: ")
    assert len(said) < 5000
    assert not said.endswith("refused")


def refusal_of(spec):
    """What it is refused with, "" where it is read."""
    try:
        parse_spec(spec, "m.yaml")
    except SpecError as refusal:
        return str(refusal)
    return ""
