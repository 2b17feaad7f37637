"""The section of scenarios: absent where none was evaluated."""

from __future__ import annotations

from mmm_core.report.findings import Findings
from mmm_core.report.page import Section


def scenarios_section(found: Findings) -> Section | None:
    """None where no scenario was evaluated."""
    return None
