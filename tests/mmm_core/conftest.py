"""Fixtures of the library's tests."""

import jax
import pytest


@pytest.fixture(autouse=True)
def _double_precision():
    """A fit in single precision leaves the process so."""
    jax.config.update("jax_enable_x64", True)


@pytest.fixture(scope="module")
def hurried_compiler():
    """For tests that run each program once: compiled in half the time, for slower code."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
