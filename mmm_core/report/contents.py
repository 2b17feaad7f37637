"""Findings as a page: which sections there are, in which order, and how tightly they are set."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from mmm_core.budget.glance import day
from mmm_core.plural import plural
from mmm_core.report.answer import answer, tiles, verdict
from mmm_core.report.cells_section import cells_section
from mmm_core.report.change_section import change_section
from mmm_core.report.findings import Findings
from mmm_core.report.flighting_section import flighting_section
from mmm_core.report.layout import SETTINGS, SHEET, Setting, fitted, sheets
from mmm_core.report.moves_section import moves_section
from mmm_core.report.page import Page, Paragraph, Section
from mmm_core.report.returns import curves_section, long_term_section, returns_section
from mmm_core.report.scenarios import scenarios_section
from mmm_core.report.trust import caveats_section, evidence_section, health_section

Made = Callable[..., Section | None]
"""Makes a section: its function, and with how many rows."""


def page(found: Findings) -> Page:
    """The whole report, in the order in which a board asks, as roomy as two sheets allow.

    Of a model that its review refuses there is no recommendation: no moves, weeks, scenarios or gates of one, and the
    curves mark today's spend only. Its health comes first.

    The weeks, geos or patterns of a plan stand after its moves, or before them where the first sheet has more room.
    """
    made = _once(found)
    pages = [fitted(lambda crowding: _page(found, made, crowding))]
    if found.recommendation.cells is not None and not found.refused:
        pages.append(fitted(lambda crowding: _page(found, made, crowding, cells_first=True)))
    return min(pages, key=lambda each: (max(*sheets(each), SHEET), each.crowding))


def _once(found: Findings) -> Made:
    """Sections of these findings, each made once with as many rows: a page is tried in several settings, and a chart
    takes longer to draw than all the rest.
    """

    @cache
    def made(section: Callable[..., Section | None], *rows: int) -> Section | None:
        return section(found, *rows)

    return made


def _page(found: Findings, made: Made, crowding: int, cells_first: bool = False) -> Page:
    subject, setting = found.subject, SETTINGS[crowding]
    sections = _refused(made, setting) if found.refused else _sections(made, setting, cells_first)
    there = tuple(section for section in sections if section is not None and section.blocks)
    geos = f", {plural(subject.geos, 'geo')}" if subject.geos > 1 else ""
    return Page(
        title=f"{'Draft, not fit for use' if found.refused else 'Marketing budget'}: {subject.model}",
        subtitle=(
            f"Week of {day(subject.as_of)}. {plural(subject.weeks, 'week')} of data to {day(subject.ends)}{geos}."
        ),
        verdict=verdict(found),
        ready=found.ready,
        refused=bool(found.refused),
        answer=answer(found),
        tiles=tiles(found),
        sections=there,
        foot=f"{subject.model}, week of {day(subject.as_of)}",
        break_before="curves" if found.refused else "moves",
        crowding=crowding,
    )


def _sections(made: Made, setting: Setting, cells_first: bool) -> list[Section | None]:
    cells = (made(flighting_section, setting.flightings), made(cells_section, setting.scenarios))
    return [
        made(change_section, setting.changes),
        made(returns_section),
        made(curves_section, setting.curves),
        *(cells if cells_first else ()),
        made(moves_section, setting.prices),
        *(() if cells_first else cells),
        made(scenarios_section, setting.scenarios),
        made(caveats_section, setting.checks),
        made(health_section, setting.checks),
        made(evidence_section, setting.tests),
        made(long_term_section, setting.long_term),
        made(versions_section),
    ]


def _refused(made: Made, setting: Setting) -> list[Section | None]:
    return [
        made(health_section, setting.checks),
        made(change_section, setting.changes),
        made(returns_section),
        made(curves_section, setting.curves),
        made(caveats_section, setting.checks),
        made(evidence_section, setting.tests),
        made(long_term_section, setting.long_term),
        made(versions_section),
    ]


def versions_section(found: Findings) -> Section:
    """Versions of everything, in one paragraph; the manifest beside the page says them to machines."""
    parts = versions_in_words(found)
    return Section("versions", "Versions", (Paragraph(parts),))


def versions_in_words(found: Findings) -> str:
    """What the manifest says, shortened."""
    body = found.manifest
    if not body:
        return "Not recorded."
    posterior = body["posterior"]
    parts = [
        f"model table {body['table']['fingerprint']}",
        f"specification {body['specification']['hash']}",
        f"evidence {body['evidence']['version'] or 'none'}",
        f"posterior {posterior['version']} ({posterior['engine']}, {plural(posterior['chains'], 'chain')} of "
        f"{plural(posterior['draws'], 'draw')}, seed {posterior['seed']})",
        *(
            f"{name} {body[name]['version']}"
            for name in ("curves", "allocation", "readiness", "review", "long_term", "scenarios")
            if body.get(name)
        ),
    ]
    if body.get("registered"):
        held = body["registered"]
        names = {held["name"]: held["version"], **held.get("answers", {})}
        parts.append(
            "registered as " + ", ".join(f"version {number} of {name}" for name, number in names.items())
        )
    if body.get("previous"):
        parts.append(f"compared with posterior {body['previous']['version']}")
    code = body["code"]
    parts.append(f"carryover {code['carryover']}, source {code['source']}")
    parts.append(", ".join(f"{name} {version}" for name, version in body["packages"].items()))
    return "; ".join(parts) + ". The run manifest beside this page holds them for machines."
