"""Inverse Cholesky factors, and that no program of a fit hands LAPACK a batch of matrices."""

import re
from contextlib import suppress
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mmm_core.errors import InputError
from mmm_core.inference import variables
from mmm_core.inference.engines import advi, laplace
from mmm_core.inference.fit import fit
from mmm_core.inference.hmc import program
from mmm_core.model.factors import half_log_determinant, inverse_root
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import family_spec, panel_spec, weekly_table

GEOS = ("a", "b", "c")
PANEL = {"column": "geo", "population": "population"}


def matrices(*batch, size=4, seed=0):
    """Positive definite matrices."""
    columns = np.random.default_rng(seed).normal(size=(*batch, size, 2 * size))
    return jnp.asarray(columns @ columns.swapaxes(-1, -2) + np.eye(size))


@pytest.mark.parametrize("batch", [(), (5,), (2, 3)])
def test_it_is_the_inverse_of_the_lower_root(batch):
    matrix = matrices(*batch)
    expected = np.linalg.inv(np.linalg.cholesky(matrix))
    np.testing.assert_allclose(inverse_root(matrix), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(
        jax.jit(jax.vmap(inverse_root))(matrix[None])[0], expected, rtol=1e-12, atol=1e-14
    )
    half = np.linalg.slogdet(matrix)[1].sum() / 2
    assert float(half_log_determinant(inverse_root(matrix))) == pytest.approx(half, rel=1e-13)


def test_a_matrix_that_is_not_positive_definite_gives_no_number():
    assert np.isnan(inverse_root(jnp.array([[1.0, 2.0], [2.0, 1.0]]))).any()


def symmetric(size=4, seed=1):
    moved = np.random.default_rng(seed).normal(size=(size, size))
    return moved + moved.T


def test_first_and_second_derivatives_equal_differences():
    matrix, moved = matrices(), symmetric()

    def value(step):
        return jnp.sum(jnp.sin(inverse_root(matrix + step * moved)))

    step = 1e-4
    slope = jax.grad(value)
    numerical = (value(step) - value(-step)) / (2 * step)
    assert float(slope(0.0)) == pytest.approx(float(numerical), rel=1e-6)
    curvature = jax.jvp(slope, (0.0,), (1.0,))[1]
    assert float(curvature) == pytest.approx(float(slope(step) - slope(-step)) / (2 * step), rel=1e-6)


def lapack_calls(folder: Path) -> list[tuple[str, int]]:
    """Function and number of matrices of each call to LAPACK in the programs that JAX wrote to a folder."""
    calls = []
    for file in folder.glob("*.mlir"):
        for name, operand in re.findall(
            r"custom_call @(lapack_\w+)\(.*?: \(tensor<([\dx]+)xf", file.read_text()
        ):
            calls.append((name, int(np.prod([int(size) for size in operand.split("x")[:-2]]))))
    return calls


@pytest.fixture
def programs(tmp_path):
    """A folder in which JAX leaves the text of every program that it makes meanwhile; all are made anew."""
    program._programs.cache_clear()
    variables._program.cache_clear()
    jax.config.update("jax_dump_ir_to", str(tmp_path))
    yield tmp_path
    jax.config.update("jax_dump_ir_to", "")


def test_a_batch_is_seen_where_there_is_one(programs):
    jax.jit(jax.vmap(jnp.linalg.cholesky))(matrices(7))
    assert lapack_calls(programs) == [("lapack_dpotrf_ffi", 7)]


def everything(engine, **changes):
    """Every extension at once, geos and groups of channels included."""
    schedule = {"engine": engine, "chains": 2, "warmup": 100, "draws": 100, **changes}
    likelihood = {} if engine == "numpyro" else {"likelihood": "normal"}  # too many parameters for the others
    return family_spec(geo=PANEL, fit=schedule, **likelihood)


class Enough(Exception):
    """All programs have been made."""


def stop_after_the_first_block(told):
    """By then every program of the sampler and of the summary is made."""
    if told.phase == "warm-up":
        raise Enough


@pytest.mark.slow
@pytest.mark.usefixtures("hurried_compiler")
@pytest.mark.parametrize(
    "spec",
    [
        panel_spec(fit={"chains": 2, "warmup": 100, "draws": 100}),
        everything("numpyro"),
        everything("numpyro", layout="vectorized"),
        everything("laplace"),
        everything("advi"),
    ],
    ids=["deviations after the level", "everything", "vectorized", "laplace", "advi"],
)
def test_no_program_of_a_fit_has_a_batch_of_factorisations(programs, spec, monkeypatch):
    """A batched call shares its matrices out among the threads of a pool, and waits: in programs of several devices for
    ever, once all threads wait."""
    monkeypatch.setattr(laplace, "STARTS", 1)
    monkeypatch.setattr(advi, "STEPS", 20)
    monkeypatch.setattr(advi, "BLOCK", 10)
    with suppress(Enough, InputError):  # whether the chains move is not what is asked
        fit(weekly_table(weeks=40, geos=GEOS), parse_spec(spec), stop_after_the_first_block)
    calls = lapack_calls(programs)
    assert calls, "the programs factorise nothing: the test looks at the wrong ones"
    assert {count for _, count in calls} == {1}, calls
