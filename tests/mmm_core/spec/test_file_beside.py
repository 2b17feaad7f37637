"""Files that a YAML names lie beside it: one rule for every key that names one."""

from pathlib import Path

import pytest

from mmm_core.errors import InputError, SpecError
from mmm_core.readout.listed import experiments_beside
from mmm_core.spec.file_beside import path_beside
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC

KEYS = [
    ("calibration", "tests"),
    ("calibration", "experiments"),
    ("calibration", "approvals"),
    ("readiness", "overrides"),
]
ENTRY = """
- test_id: a
  panel: {panel}
  treated: [west]
  start: 2025-01-06
  end: 2025-01-12
  spend: {{tv: [0, 100]}}
"""


@pytest.mark.parametrize(("section", "key"), KEYS)
@pytest.mark.parametrize(
    "name", ["/etc/a.csv", "../a.csv", "tests/../../a.csv", r"..\a.csv", r"C:\a.csv", r"\\host\a.csv"]
)
def test_a_name_that_leads_out_of_the_folder_is_refused(section, key, name):
    with pytest.raises(SpecError, match=rf"{section}\.{key}: .*as it stands in its folder, without '\.\.'"):
        parse_spec(SPEC | {section: {key: name}})


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_a_name_in_the_folder_or_below_is_taken(section, key):
    spec = parse_spec(SPEC | {section: {key: "of 2025/a..b.csv"}})
    assert getattr(getattr(spec, section), key) == "of 2025/a..b.csv"


def test_a_panel_is_held_to_the_same_rule(tmp_path):
    spec = parse_spec(SPEC | {"calibration": {"experiments": "list.yaml"}})
    (tmp_path / "list.yaml").write_text(ENTRY.format(panel="../panel.csv"))
    with pytest.raises(InputError, match=r"entry 1: panel: .*without '\.\.'"):
        experiments_beside(spec, tmp_path)
    (tmp_path / "list.yaml").write_text(ENTRY.format(panel="panels/a.csv"))
    assert experiments_beside(spec, tmp_path)[0].panel == "panels/a.csv"


def test_a_file_that_is_not_there_is_named_with_its_key(tmp_path):
    (tmp_path / "a.csv").write_text("test_id\n")
    assert path_beside("m", "calibration.tests", tmp_path, "a.csv") == tmp_path / "a.csv"
    with pytest.raises(
        InputError, match=r"model m: calibration\.tests: .*b\.csv is not there: put the file beside"
    ):
        path_beside("m", "calibration.tests", tmp_path, "b.csv")
    with pytest.raises(InputError, match="is not there"):
        path_beside("m", "calibration.tests", Path(tmp_path), ".")
