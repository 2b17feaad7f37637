"""One thread for the matrix library, where its own idea of how many is too many.

A model's matrices have some hundred rows: factorising one takes less time than handing it out to threads, which wait
for one another by spinning. Beside another process, or a chain on every core, a fit and its review waited for seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def one_blas_thread(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The function with BLAS and LAPACK on one thread for as long as it runs, here and in what it calls."""

    @wraps(function)
    def limited(*args: Parameters.args, **settings: Parameters.kwargs) -> Result:
        with threadpool_limits(1, user_api="blas"):
            return function(*args, **settings)

    return limited
