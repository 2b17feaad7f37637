"""How many host devices JAX starts with: settled before anything computes, so that the order of calls does not matter.

JAX fixes the number when it computes for the first time, and a fit wants a device a chain. Imported by what computes.
"""

from __future__ import annotations

import logging

_LOG = logging.getLogger(__name__)

USUAL_CHAINS = 4
"""Host devices there are at least, so that whoever computes first with fewer chains leaves room for a fit after it."""

_made = 0


def host_devices(chains: int = USUAL_CHAINS) -> None:
    """Have JAX start with a host device for each of `chains`, and for the usual ones; where it has started, nothing."""
    global _made
    import jax

    stated = int(jax.config.values["jax_num_cpu_devices"])
    wanted = max(chains, USUAL_CHAINS)
    if stated >= wanted:
        return
    try:
        jax.config.update("jax_num_cpu_devices", wanted)
    except RuntimeError:
        _LOG.info("JAX is already running with %d devices", jax.device_count())
    else:
        _made = wanted


def made_for_chains() -> bool:
    """Whether JAX runs on host devices that are there for chains, and not because somebody asked for so many."""
    import jax

    return jax.default_backend() == "cpu" and jax.device_count() == _made
