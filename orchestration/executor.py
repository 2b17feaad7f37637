"""How a run executes: its steps in this process, one after the other.

Dagster's own in-process executor spins while it waits for a place in a pool, tells nobody for whom it waits, and hears
no signal until it has one. This one waits asleep, says who holds the place, takes it from a run whose process is gone,
and lets itself be stopped at any time. A run that ends, however it ends, leaves nothing claimed in a pool.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.context.system import PlanExecutionContext, PlanOrchestrationContext
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.execute_plan import inner_plan_execution_iterator
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._utils.interrupts import check_captured_interrupt

from assets.resources import dead_runs
from assets.resources.pools import ASLEEP_SECONDS, Places
from assets.resources.processes import names_its_process, process_tags
from orchestration import stopping

STEP_ENDS = {"STEP_SUCCESS", "STEP_FAILURE", "STEP_SKIPPED", "STEP_UP_FOR_RETRY"}


class OneProcess(dg.Executor):
    """Executes a run in the process it was started in."""

    @property
    def retries(self) -> RetryMode:
        return RetryMode.ENABLED

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        instance, run = plan_context.instance, plan_context.dagster_run
        if not names_its_process(run.run_id, run.tags):
            instance.add_run_tags(run.run_id, process_tags(run.run_id))
        try:
            yield from ExecuteRunWithPlanIterable(
                execution_plan=execution_plan,
                iterator=_steps,
                execution_context_manager=PlanExecutionContextManager(
                    job=plan_context.job,
                    retry_mode=plan_context.retry_mode,
                    execution_plan=execution_plan,
                    run_config=plan_context.run_config,
                    dagster_run=run,
                    instance=instance,
                    raise_on_error=plan_context.raise_on_error,
                    output_capture=plan_context.output_capture,
                    step_dependency_config=self.step_dependency_config,
                ),
            )
        except (DagsterExecutionInterruptedError, KeyboardInterrupt):
            if (
                number := stopping.requested()
            ):  # a person's wish, not an accident: cancelled rather than failed
                instance.report_run_canceling(run, f"Stopped by {number.name}.")
            raise
        finally:
            dead_runs.free_places(instance, run.run_id)


def _steps(job_context: PlanExecutionContext, execution_plan: ExecutionPlan) -> Iterator[dg.DagsterEvent]:
    with _Claims(job_context) as claims:
        events = inner_plan_execution_iterator(job_context, execution_plan, claims)
        for event in events:
            claims.follow(event)
            yield event
            if event.event_type_value in STEP_ENDS and stopping.requested():
                events.throw(DagsterExecutionInterruptedError())


class _Claims(Places):
    """Places in pools, waited for asleep; the plan asks here how long to sleep, also between two tries of a step."""

    def __init__(self, job_context: PlanExecutionContext):
        super().__init__(job_context.instance, job_context.dagster_run, job_context.log)
        self._to_be_tried_again: set[str] = set()

    def follow(self, event: dg.DagsterEvent) -> None:
        """Remember which steps sleep before their next try."""
        if event.event_type_value == "STEP_UP_FOR_RETRY":
            self._to_be_tried_again.add(str(event.step_key))
        elif event.event_type_value == "STEP_RESTARTED":
            self._to_be_tried_again.discard(str(event.step_key))

    def has_pending_claims(self) -> bool:
        return super().has_pending_claims() or bool(
            self._to_be_tried_again
        )  # both sleep as long as is said below

    def interval_to_next_pending_claim_check(self) -> float:
        if check_captured_interrupt() or stopping.requested():
            raise DagsterExecutionInterruptedError
        self.look_at_holders()
        return ASLEEP_SECONDS


@dg.executor(name="one_process")
def one_process(_: Any) -> OneProcess:
    """The steps of a run in one process; a fit has its own."""
    return OneProcess()
