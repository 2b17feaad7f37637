"""What docs/model-spec.md shows its readers: the page, and its code blocks."""

from pathlib import Path

DOCUMENTED = (Path(__file__).parents[3] / "docs" / "model-spec.md").read_text()


def blocks(language):
    """The code blocks of the page in a language."""
    return [block.split("```")[0] for block in DOCUMENTED.split(f"```{language}\n")[1:]]
