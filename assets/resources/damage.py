"""Damaged files: put aside, said in the run's log, and in the metadata of the asset that met them."""

from pathlib import Path

import dagster as dg

from mmm_core.files import put_aside

_met: list[str] = []


def set_aside(path: Path, remedy: str) -> Path:
    """Rename a damaged file so that another can take its place, and say so with what happens next."""
    aside = put_aside(path)
    say(f"{path}: damaged; put aside as {aside.name}; {remedy}")
    return aside


def say(message: str) -> None:
    """Warn in the run's log, and keep the warning for the asset's metadata."""
    dg.get_dagster_logger().warning(message)
    _met.append(message)


def met() -> dict[str, dg.MetadataValue]:
    """Metadata about the damaged files met since this was last asked; none where there were none."""
    messages = list(dict.fromkeys(_met))
    _met.clear()
    return (
        {"damaged_files": dg.MetadataValue.md("\n".join(f"* {text}" for text in messages))}
        if messages
        else {}
    )
