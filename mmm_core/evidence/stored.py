"""The evidence of one fit in a file: the tests that calibrate it, each with its inflation, and those set aside.

JSON that reads back exactly: every number is written so that the same double comes back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from mmm_core.errors import DamagedFile
from mmm_core.evidence.lift_test import LiftTest, Status, TestedSpend, WeighedTest
from mmm_core.inputs import UnreadableFile, name_of, read_bytes
from mmm_core.json_text import dumps

FORMAT = 1


@dataclass(frozen=True)
class SetAside:
    """A test that does not calibrate, and why."""

    test_id: str
    status: Status
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Evidence:
    """What calibrates a model as of a week.

    Attributes:
        as_of: first day of the last week of the data.
        tests: approved ones, by name.
        set_aside: the others that were known by then, by name.
    """

    model: str
    as_of: date
    tests: tuple[WeighedTest, ...] = ()
    set_aside: tuple[SetAside, ...] = ()

    @property
    def version(self) -> str:
        """Hash of what a fit reads of it, the approved tests: what is set aside changes no posterior."""
        body = [_written(weighed) for weighed in sorted(self.tests, key=lambda each: each.test.test_id)]
        return hashlib.sha256(dumps(body, sort_keys=True).encode()).hexdigest()[:16]

    def __contains__(self, test_id: object) -> bool:
        """Whether a test of this name calibrates the model."""
        return any(weighed.test.test_id == test_id for weighed in self.tests)

    def without_tests(self) -> Evidence:
        """The same for a model whose specification asks for no calibration."""
        reasons = ("the model's YAML does not ask for it: `calibration: {lift_tests: approved}`",)
        unused = (SetAside(weighed.test.test_id, "approved", reasons) for weighed in self.tests)
        aside = sorted((*self.set_aside, *unused), key=lambda each: each.test_id)
        return replace(self, tests=(), set_aside=tuple(aside))

    def leaving_out(self, names: Collection[str]) -> Evidence:
        """The same without some tests, which were left out to learn what they moved."""
        if not names:
            return self
        out = [SetAside(name, "approved", ("left out, to learn what it moved",)) for name in names]
        kept = tuple(each for each in self.tests if each.test.test_id not in names)
        return replace(
            self, tests=kept, set_aside=tuple(sorted((*self.set_aside, *out), key=lambda each: each.test_id))
        )

    def known_by(self, day: date) -> Evidence:
        """The same without the tests whose result was not known on a day: what a fit that ends then may see."""
        return replace(self, tests=tuple(each for each in self.tests if each.test.known_on <= day))

    def to_body(self) -> dict[str, Any]:
        """What `to_json` writes, before it is text."""
        return {
            "format": FORMAT,
            "model": self.model,
            "as_of": self.as_of,
            "tests": [_written(weighed) for weighed in self.tests],
            "set_aside": [vars(aside) for aside in self.set_aside],
        }

    def to_json(self) -> str:
        """As `read_evidence` reads it."""
        return dumps(self.to_body(), indent=1) + "\n"


def read_evidence(path: str | Path) -> Evidence:
    """The evidence in a file.

    Raises:
        InputError: no such file.
        DamagedFile: it is not what `Evidence.to_json` wrote.
    """
    source = name_of(path)
    try:
        return evidence_from(json.loads(read_bytes(path)))
    except UnreadableFile:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedFile(f"{source}: is no evidence that can be read ({error}): make it again") from None


def evidence_from(body: Mapping[str, Any]) -> Evidence:
    """The evidence that `Evidence.to_json` wrote, from its JSON."""
    if body["format"] != FORMAT:
        raise ValueError(f"format {body['format']}, this release reads {FORMAT}")
    aside = (SetAside(each["test_id"], each["status"], tuple(each["reasons"])) for each in body["set_aside"])
    return Evidence(
        body["model"], date.fromisoformat(body["as_of"]), tuple(map(_read, body["tests"])), tuple(aside)
    )


def _written(weighed: WeighedTest) -> dict[str, Any]:
    return {"inflation": weighed.inflation, **vars(weighed.test)}


def _read(written: Mapping[str, Any]) -> WeighedTest:
    fields = {name: value for name, value in written.items() if name != "inflation"}
    spend = {
        channel: TestedSpend(each["actual"], each["without"], _tuple(each["weekly_without"]))
        for channel, each in fields.pop("spend").items()
    }
    for day in ("start", "end", "reported"):
        fields[day] = date.fromisoformat(fields[day]) if fields[day] else None
    test = LiftTest(**{**fields, "spend": spend, "geos": tuple(fields["geos"])})
    return WeighedTest(test, written["inflation"])


def _tuple(values: list[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(values)
