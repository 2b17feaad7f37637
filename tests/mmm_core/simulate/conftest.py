import datetime as dt

import pytest

from mmm_core.simulate import simulate_world, write_landing, write_truth

END = dt.date(2026, 11, 16)
START = dt.date(2022, 11, 21)  # 208 weeks before END


@pytest.fixture(scope="session")
def world():
    return simulate_world(7, END)


@pytest.fixture(scope="session")
def written(world, tmp_path_factory):
    """A folder with landing/ and truth/ of the world."""
    folder = tmp_path_factory.mktemp("world")
    write_landing(world, folder / "landing")
    write_truth(world, folder / "truth")
    return folder
