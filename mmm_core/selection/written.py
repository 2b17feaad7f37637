"""A selection as files hold it: one JSON object, and the recommended model's YAML with how it was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mmm_core.inputs import read_bytes
from mmm_core.json_text import dumps
from mmm_core.selection.candidate import Candidate
from mmm_core.selection.ladder import Keys, merged
from mmm_core.selection.selection import BEST, RULE, Selection
from mmm_core.spec.yaml_file import read_yaml


def facts(found: Selection) -> dict[str, Any]:
    """What was found, for a file: the recommended one, words, the table of `Selection.table`, what it was found on."""
    return {
        "recommended": found.recommended.name,
        "table": found.fingerprint,
        "origins": found.origins,
        "horizon": int(found.best.crps.sizes["ahead"]),
        "words": found.words,
        "models": found.table.to_dict("records"),
    }


def as_json(found: Selection) -> str:
    """`facts` as JSON text, the same for the same selection."""
    return dumps(facts(found), indent=2)


def chosen_yaml(found: Selection, file: Path, keys: Keys) -> str:
    """The YAML of the recommended model, with a comment of how it was chosen.

    Args:
        file: the model's, or the one that the ladder varied.
        keys: of the YAML in which the recommended variation differs; where there are none the file stays as it is.
    """
    comment = "".join(f"# {line}\n" for line in how_chosen(found))
    if not keys:
        return comment + read_bytes(file).decode("utf-8-sig")
    mapping = read_yaml(file)
    assert isinstance(mapping, Mapping)  # it was read as a model before
    return comment + yaml.safe_dump(merged(mapping, keys), sort_keys=False, allow_unicode=True, width=110)


def how_chosen(found: Selection) -> list[str]:
    """Table, origins, rule and scores, a line each; no date, so that the same selection writes the same file."""
    horizon = found.best.crps.sizes["ahead"]
    return [
        f"Chosen by `mmm select`: {found.recommended.name}, the simplest {RULE}.",
        f"Table {found.fingerprint}; {len(found.origins)} origins ({', '.join(found.origins)}), {horizon} weeks ahead.",
        "CRPS in units of the KPI, and its difference from the best with the standard error of the pairs:",
        *(f"  {_line(found, candidate)}" for candidate in found.scored),
        *(
            f"  {candidate.name}: not fitted ({' '.join(candidate.reason.split())[:200]})"
            for candidate in found.candidates
            if candidate.backtest is None
        ),
    ]


def _line(found: Selection, candidate: Candidate) -> str:
    crps = float(candidate.crps.mean())
    if candidate is found.best:
        return f"{candidate.name}: {crps:.6g}, {BEST}"
    return f"{candidate.name}: {crps:.6g}, {found.differences[candidate.name].words}"
