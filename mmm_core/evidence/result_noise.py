"""The error of a lift test's result, as the specification has it in the likelihood: Normal, or Student-t.

One place for all that compares a result with what a model says of it, outside of the compiled likelihood
(`mmm_core.model.replay`), whose distribution this is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, ndtr, ndtri, stdtr, stdtrit

from mmm_core.spec.calibration_spec import Calibration


@dataclass(frozen=True)
class ResultNoise:
    """The distribution of what a test misses, in units of its standard error; `nu` is None where it is Normal.

    Attributes:
        scale: of the Student-t, see `mmm_core.spec.calibration_spec.Calibration.error_scale`.
    """

    nu: float | None
    scale: float = 1.0

    @classmethod
    def of(cls, calibration: Calibration) -> ResultNoise:
        """As a specification states it."""
        return cls(calibration.nu if calibration.likelihood == "student_t" else None, calibration.error_scale)

    def below(self, z: np.ndarray) -> np.ndarray:
        """Probability of less than z."""
        return np.asarray(ndtr(z) if self.nu is None else stdtr(self.nu, z / self.scale))

    def quantile(self, probability: float) -> float:
        """The value below which it lies with a probability."""
        return float(ndtri(probability) if self.nu is None else self.scale * stdtrit(self.nu, probability))

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """Log density at z."""
        if self.nu is None:
            return np.asarray(-0.5 * z**2 - 0.5 * np.log(2 * np.pi))
        constant = gammaln((self.nu + 1) / 2) - gammaln(self.nu / 2) - 0.5 * np.log(self.nu * np.pi)
        tails = (self.nu + 1) / 2 * np.log1p((z / self.scale) ** 2 / self.nu)
        return np.asarray(constant - np.log(self.scale) - tails)
