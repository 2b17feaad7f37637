"""A folder to run the `mmm` command in."""

import pytest
import yaml

from mmm_core.posterior.schema import save_posterior
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A model, its table, and a posterior made by hand."""
    root = tmp_path_factory.mktemp("cli")
    (root / "small.yaml").write_text(yaml.safe_dump(SPEC))
    weekly_table().to_csv(root / "weekly.csv", index=False)
    save_posterior(posterior(draws=20), root / "posterior.nc")
    return root
