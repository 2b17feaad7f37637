"""What a step tries again: only what can come out otherwise, which is a warehouse that someone else has open.

A dbt test that failed, a damaged file or a full disk is the same half a minute later; whoever waits is told at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from assets.resources.warehouse import says_locked

TRIES = 3
WAIT_SECONDS = 30.0
"""Before the second try; twice that before the third."""


@contextmanager
def tried_again_when_locked(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Ask for another try of the step where the warehouse stayed locked, and only there.

    Raises:
        RetryRequested: the warehouse stayed locked; what said so is its cause.
    """
    try:
        yield
    except Exception as error:
        if not says_locked(error):
            raise
        wait = WAIT_SECONDS * 2**context.retry_number
        raise dg.RetryRequested(max_retries=TRIES - 1, seconds_to_wait=wait) from error
