"""One thread for the matrix library."""

import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from mmm_core.threads import one_blas_thread


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@one_blas_thread
def nested(depth):
    """How many threads there are on the way down and up again."""
    return [blas_threads(), *(nested(depth - 1) if depth else []), blas_threads()]


def test_a_function_runs_on_one_thread_and_leaves_what_it_found():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        assert nested(2) == [{1}] * 6
        assert blas_threads() == before != {1}


def test_a_thread_runs_on_one_while_another_does():
    """The library may keep the number by thread, so that what one has set says nothing of the other."""
    inside, leave = threading.Event(), threading.Event()

    @one_blas_thread
    def longer():
        inside.set()
        leave.wait(60)

    other = threading.Thread(target=longer, daemon=True)
    with threadpool_limits(2, user_api="blas"):
        other.start()
        inside.wait(60)
        assert nested(1) == [{1}] * 4
        leave.set()
        other.join()


def test_an_error_leaves_what_it_found_too():
    @one_blas_thread
    def fails():
        raise ValueError("no")

    with threadpool_limits(2, user_api="blas"):
        with pytest.raises(ValueError, match="no"):
            fails()
        assert blas_threads() != {1}
