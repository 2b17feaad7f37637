"""Places in Dagster's pools: asked for again soon, and nobody waits for a run whose process is gone.

The executor claims a place for all of a step. A step that uses what the pool protects for a moment of its time claims
one itself, with `place`, and holds up nobody before and after.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.log_manager import DagsterLogManager

from assets.resources import dead_runs

ASLEEP_SECONDS = 0.2  # so long a signal may go unheard
SOON_SECONDS = 0.2  # between two questions to the pool while the wait is young
CLAIM_SECONDS = 1.0  # and later
PATIENCE_SECONDS = 2.0  # waits that are shorter are nobody's concern
HOLDER_SECONDS = 5.0  # between two looks at whoever holds it


class Places(InstanceConcurrencyContext):
    """The places that a run claims."""

    def __init__(self, instance: dg.DagsterInstance, run: dg.DagsterRun, log: DagsterLogManager):
        super().__init__(instance, run)
        self._log = log
        self._pools_waited_for: dict[str, str] = {}
        self._told: set[str] = set()
        self._since = self._look_again = 0.0

    def claim(self, concurrency_key: str, step_key: str, step_priority: int = 0) -> bool:
        claimed = super().claim(concurrency_key, step_key, step_priority)
        if claimed:
            self._pools_waited_for.pop(step_key, None)
        else:
            if not self._pools_waited_for:
                self._since = time.monotonic()
                self._look_again = self._since + PATIENCE_SECONDS
            young = time.monotonic() - self._since < PATIENCE_SECONDS
            soon = time.time() + (SOON_SECONDS if young else CLAIM_SECONDS)
            self._pending_timeouts[step_key] = min(self._pending_timeouts[step_key], soon)
            self._pools_waited_for[step_key] = concurrency_key
        return claimed

    def look_at_holders(self) -> None:
        """Now and then: say who holds what is waited for, and end runs that were killed while they held it."""
        if not self._pools_waited_for or time.monotonic() <= self._look_again:
            return
        self._look_again = time.monotonic() + HOLDER_SECONDS
        for run in dead_runs.end_dead_runs(self._instance):
            self._log.warning(
                f"{dead_runs.name(run)} (run {run.run_id[:8]}) was killed: it is failed, and waits no more"
            )
        for step, pool in self._pools_waited_for.items():
            for holder in dead_runs.holders(self._instance, pool):
                if holder not in self._told:
                    self._told.add(holder)
                    self._log.warning(f"{step} waits for the pool {pool}, held by {holder}")


@contextmanager
def place(context: dg.AssetExecutionContext, pool: str) -> Iterator[None]:
    """A place in a pool while the block lasts, for a step that has none of all its time; waited for asleep."""
    step = context.get_step_execution_context().step.key
    with Places(context.instance, context.run, context.log) as places:
        while not places.claim(pool, step):
            time.sleep(ASLEEP_SECONDS)
            places.look_at_holders()
        try:
            yield
        finally:
            places.free_step(step)
