"""Findings as a page: which sections there are, in which order, and how tightly they are set."""

from __future__ import annotations

from mmm_core.report.answer import answer, tiles, verdict
from mmm_core.report.change_section import change_section
from mmm_core.report.findings import Findings
from mmm_core.report.flighting_section import flighting_section
from mmm_core.report.layout import SETTINGS, SHEET, Setting, fitted, sheets
from mmm_core.report.moves_section import moves_section
from mmm_core.report.page import Page, Paragraph, Section
from mmm_core.report.returns import curves_section, long_term_section, returns_section
from mmm_core.report.scenarios import scenarios_section
from mmm_core.report.trust import caveats_section, evidence_section, health_section
from mmm_core.report.words import day, plural


def page(found: Findings) -> Page:
    """The whole report, in the order in which a board asks, as roomy as two sheets allow.

    Of a model that its review refuses there is no recommendation: no moves, weeks, scenarios or gates of one, and the
    curves mark today's spend only. Its health comes first.

    The weeks of a plan stand after its moves, or before them where the first sheet has more room.
    """
    pages = [fitted(lambda crowding: _page(found, crowding))]
    if found.recommendation.by_week and not found.refused:
        pages.append(fitted(lambda crowding: _page(found, crowding, weeks_first=True)))
    return min(pages, key=lambda each: (max(*sheets(each), SHEET), each.crowding))


def _page(found: Findings, crowding: int, weeks_first: bool = False) -> Page:
    subject, setting = found.subject, SETTINGS[crowding]
    sections = _refused(found, setting) if found.refused else _sections(found, setting, weeks_first)
    there = tuple(section for section in sections if section is not None and section.blocks)
    geos = f", {subject.geos} geos" if subject.geos > 1 else ""
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


def _sections(found: Findings, setting: Setting, weeks_first: bool) -> list[Section | None]:
    return [
        change_section(found, setting.changes),
        returns_section(found),
        curves_section(found, setting.curves),
        flighting_section(found, setting.flightings) if weeks_first else None,
        moves_section(found),
        None if weeks_first else flighting_section(found, setting.flightings),
        scenarios_section(found, setting.scenarios),
        caveats_section(found, setting.checks),
        health_section(found, setting.checks),
        evidence_section(found, setting.tests),
        long_term_section(found, setting.long_term),
        versions_section(found),
    ]


def _refused(found: Findings, setting: Setting) -> list[Section | None]:
    return [
        health_section(found, setting.checks),
        change_section(found, setting.changes),
        returns_section(found),
        curves_section(found, setting.curves),
        caveats_section(found, setting.checks),
        evidence_section(found, setting.tests),
        long_term_section(found, setting.long_term),
        versions_section(found),
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
        f"posterior {posterior['version']} ({posterior['engine']}, {posterior['chains']} chains of "
        f"{posterior['draws']} draws, seed {posterior['seed']})",
        *(
            f"{name} {body[name]['version']}"
            for name in ("curves", "allocation", "readiness", "review", "long_term", "scenarios")
            if body.get(name)
        ),
    ]
    if body.get("registered"):
        parts.append(f"registered as version {body['registered']['version']} of {body['registered']['name']}")
    if body.get("previous"):
        parts.append(f"compared with posterior {body['previous']['version']}")
    code = body["code"]
    parts.append(f"carryover {code['carryover']}, source {code['source']}")
    parts.append(", ".join(f"{name} {version}" for name, version in body["packages"].items()))
    return "; ".join(parts) + ". The run manifest beside this page holds them for machines."
