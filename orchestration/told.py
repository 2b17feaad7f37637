"""A dry run on the terminal: its lines as they come, waits for other processes told, a refusal as the exit code."""

import sys
from collections.abc import Callable, Iterable


def told(lines: Callable[[], Iterable[str]]) -> int:
    """Print the lines of a dry run; returns the exit code."""
    from assets.resources.warehouse import WarehouseDamaged, WarehouseLocked
    from mmm_core.errors import InputError
    from orchestration.follow import waits_told

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    try:
        with waits_told(say):
            for line in lines():
                say(line)
    except (InputError, WarehouseDamaged, WarehouseLocked) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0
