"""Where a fit runs: a process of its own, started through a Dagster Pipes client."""

from collections.abc import Mapping
from typing import Any

import dagster as dg


class FitProcess(dg.ConfigurableResource):
    """Starts the fit's entry point and streams its progress into the run's log.

    The entry point reads everything it needs from the Pipes context, so a client for Kubernetes, Slurm or a GPU box
    starts the same one: bind this key to a resource with the same `run`.
    """

    command: list[str]
    environment: dict[str, str]
    client: dg.ResourceDependency[dg.PipesSubprocessClient]

    def run(self, context: dg.AssetExecutionContext, extras: Mapping[str, Any]) -> None:
        """Fit and wait.

        Raises:
            DagsterPipesExecutionError: the process failed; the reason is in its log.
        """
        self.client.run(context=context, command=self.command, env=self.environment, extras=extras)
