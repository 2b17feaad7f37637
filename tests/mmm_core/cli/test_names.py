"""What a user named is printed as it is: brackets are no markup, colons no emoji."""

import pandas as pd
import pytest
from rich.console import Console

from mmm_core.cli import console as shown
from mmm_core.cli import terminal
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table

NAMES = ["tv [/red]", "[bold]", "search :x:", "a\\", "[link=http://x]y[/link]", "$x$ (brand)"]


def printed(*renderables):
    console = Console(width=300, record=True, highlight=False, emoji=False)
    console.print(*renderables)
    return console.export_text()


def test_a_channels_name_is_printed_in_every_table():
    from mmm_core.budget.allocation import allocate
    from mmm_core.diagnostics.identifiability import identify
    from mmm_core.diagnostics.summary import summary
    from mmm_core.effects.curves import response_curves

    name = "[bold][red] :x: $x$ (brand)"  # what a specification takes: no slash
    media = {"channels": {name: {"spend": "tv_spend"}, "search": {"spend": "search_spend"}}}
    tree = posterior({**SPEC, "media": media, "budget": {"weeks": 6}}, weekly_table(), draws=20)
    assert name in printed(shown.returns(summary(tree)))
    assert name in printed(shown.curves(response_curves(tree)))
    assert name in printed(shown.allocation(allocate(tree)))
    assert name in printed(shown.identification(identify(tree)))
    row = {f"{what}_{end}": 0.1 for what in ("roi", "share") for end in ("mean", "q05", "q95")}
    assert name in printed(shown.priors(pd.DataFrame([{"channel": name, **row}]), [name]))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_a_refusal_and_beside_a_bar_is_printed(name, monkeypatch, tmp_path):
    from mmm_core.errors import InputError

    console = Console(width=300, record=True, highlight=False, emoji=False, force_terminal=True)
    monkeypatch.setattr(terminal, "err", console)
    monkeypatch.setattr(terminal, "out", console)

    @terminal.reported
    def refuse():
        with terminal.bar(f"Fitting {name}", total=2) as update:
            update(1, 2, f"note {name}")
            raise InputError(f"column {name}: refused")

    with pytest.raises(terminal.typer.Exit):
        refuse()
    terminal.wrote([tmp_path / name.replace("/", "_")])
    said = console.export_text()
    assert f"column {name}: refused" in said
    assert name.replace("/", "_") in said
