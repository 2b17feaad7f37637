"""The review of a posterior: one check a question, a file a family of checks.

Importing this loads neither JAX nor ArviZ: `from mmm_core.review import review`.
"""

from mmm_core.review.check import Check, CheckInfo, CheckResult
from mmm_core.review.gate import CHECKS, checks, review

__all__ = ["CHECKS", "Check", "CheckInfo", "CheckResult", "checks", "review"]
