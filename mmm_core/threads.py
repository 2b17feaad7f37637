"""One thread for the matrix library, where its own idea of how many is too many.

A model's matrices have some hundred rows: factorising one takes less time than handing it out to threads, which wait
for one another by spinning. Beside another process, or a chain on every core, a fit and its review waited for seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def one_blas_thread(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The function with BLAS and LAPACK on one thread for as long as it runs, here and in what it calls."""

    @wraps(function)
    def limited(*args: Parameters.args, **settings: Parameters.kwargs) -> Result:
        with _LIMIT.of_one():
            return function(*args, **settings)

    return limited


class _Limit(threading.local):
    """A thread's limit, set by the first function that needs it: finding the libraries takes a millisecond or more.

    By thread, as OpenBLAS may keep the number so: what another thread has set need not hold here.
    """

    held = False

    @contextmanager
    def of_one(self) -> Iterator[None]:
        if self.held:
            yield
            return
        self.held = True
        try:
            with threadpool_limits(1, user_api="blas"):
                yield
        finally:
            self.held = False


_LIMIT = _Limit()
