"""Where a fit runs: a process of its own, started through Dagster Pipes."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from assets.resources.kept_fit import NotBegun, end, kept_fit
from assets.resources.messages import WholeMessages

OUT_OF_MEMORY = (
    "the machine's memory ran out, most likely. Close what else uses memory, take fewer `draws` or `chains` in the "
    "model's YAML, or a machine with more, and run it again: it goes on from its last checkpoint"
)


class FitProcess(dg.ConfigurableResource):
    """Starts the fit's entry point, streams its progress into the run's log, and says why a fit failed.

    The entry point reads everything it needs from the Pipes context, so Kubernetes, Slurm or a GPU box start the same
    one: bind this key to a resource with the same `run`.
    """

    command: list[str]
    environment: dict[str, str]
    folder: str

    def run(self, context: dg.AssetExecutionContext, extras: Mapping[str, Any]) -> None:
        """Fit and wait. A run that is stopped meanwhile takes its fit along.

        Raises:
            Failure: the fit failed, with the reason that it gave, or the signal that ended it.
        """
        with dg.open_pipes_session(
            context=context,
            context_injector=dg.PipesTempFileContextInjector(),
            message_reader=WholeMessages(),
            extras=dict(extras),
        ) as session:
            code = self._fit(session.get_bootstrap_env_vars())
        if code != 0:
            raise dg.Failure(why_it_ended(code, session.get_custom_messages()), allow_retries=False)

    def begin(self) -> None:
        """From now on the process of a fit stays for the next; it imports what it needs before it is asked."""
        kept_fit().begin(self.command, self._environment(), self.folder)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def _fit(self, told: Mapping[str, str]) -> int:
        """One fit that is told so much by its environment; its exit code."""
        process = kept_fit()
        if process.is_wanted and process.busy.acquire(blocking=False):  # else another thread's fit has it
            try:
                self.begin()
                return process.fit(told)
            except NotBegun:
                self.begin()
                return process.fit(told)
            finally:
                process.busy.release()
        alone = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env={**self._environment(), **told},
            start_new_session=True,  # Ctrl-C in a terminal reaches the run alone, which ends its fit itself
        )
        try:
            return alone.wait()
        except BaseException:
            end(alone)
            raise


def why_it_ended(code: int, messages: Sequence[Any]) -> str:
    """The reason a fit gave through Pipes before it ended, or what its exit code tells."""
    for message in messages:
        if isinstance(message, Mapping) and "failure" in message:
            return str(message["failure"])
    if code >= 0:
        return f"the fit ended with exit code {code} and gave no reason; the run's log holds what it printed"
    name = signal.Signals(-code).name
    cause = OUT_OF_MEMORY if -code == signal.SIGKILL else "run it again: it goes on from its last checkpoint"
    return f"the fit was ended by {name} before it was done: {cause}"
