"""What JAX must be told before anything computes: how many host devices there are, and how exactly matrices multiply.

JAX fixes the number of its devices when it computes for the first time, and a fit wants a device a chain. Imported by
what computes, so that the order of calls does not matter.
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


def exact_products() -> None:
    """Have JAX multiply float32 matrices as float32.

    A GPU's tensor cores round each factor to 10 bits (TF32) unless told otherwise, and a log density and its gradient
    are differences of large sums of squares. On an H100 that moved mean ROI by a tenth to a third, and sampled some
    models for ever, as no step was small enough. A CPU multiplies exactly in either case.
    """
    import jax

    jax.config.update("jax_default_matmul_precision", "highest")


def made_for_chains() -> bool:
    """Whether JAX runs on host devices that are there for chains, and not because somebody asked for so many."""
    import jax

    return jax.default_backend() == "cpu" and jax.device_count() == _made
