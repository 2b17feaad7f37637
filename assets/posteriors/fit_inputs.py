"""What a fit's process is told: what to read, and what to write."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.models import Vintage, spec_path


@dataclass(frozen=True)
class FitInputs:
    """What the posteriors of one version are made of.

    Attributes:
        table, lift_tests: files of the frozen table and of the tests that calibrate.
        version, posterior: of the fit to all weeks, and its file.
    """

    vintage: Vintage
    table: Path
    lift_tests: Path
    version: str
    posterior: Path

    def extras(self, fits: Mapping[int, Path], report: Path | None = None) -> dict[str, Any]:
        """As `orchestration.pipes.fit` reads them.

        Args:
            fits: files to write posteriors to, by the last weeks that each goes without.
            report: file for what the lift tests moved.
        """
        return {
            "spec": str(spec_path(self.vintage.model)),
            "table": str(self.table),
            "lift_tests": str(self.lift_tests),
            "version": self.version,
            "posterior": str(self.posterior),
            "fits": [{"holdout_weeks": weeks, "posterior": str(path)} for weeks, path in fits.items()],
            **({"report": str(report)} if report else {}),
        }
