"""Where the long-term stage keeps files: the surveys of a vintage as Parquet, its posterior as netCDF.

A vintage may have none of either: its model names no brand metric, or its surveys are refused. The pointer to an
earlier version is taken away then, so that nothing downstream reads what belongs to another week's YAML.
"""

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets.models import Vintage, vintage_of
from assets.resources.stores import VersionedStore
from assets.resources.versions import POINTER, Versions

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.long_term.stage import LongTerm

KEPT = 2
_kept: "OrderedDict[tuple[str, int, int], LongTerm]" = OrderedDict()
"""Long-term posteriors a process keeps in memory, with the tables that its steps have read from them."""


class OptionalStore(VersionedStore):
    """Files that a vintage has or has not."""

    def handle_output(self, context: dg.OutputContext, obj: str | None) -> None:
        """The asset has put its file in place and returns the version; None where the vintage has none."""
        if obj is None:
            (self.versions.place(vintage_of(context.partition_key)) / POINTER).unlink(missing_ok=True)
        super().handle_output(context, obj)

    def held(self, vintage: Vintage) -> str | None:
        """Version that a vintage holds now; None where it has none."""
        try:
            return self.current(vintage)
        except FileNotFoundError:
            return None


class SurveyStore(OptionalStore):
    """Waves of the brand tracker that were known by a vintage's week."""

    @property
    def versions(self) -> Versions:
        return Versions(
            Path(self.folder),
            ".parquet",
            "materialize brand_state for {vintage}, which freezes the marts' surveys again",
        )

    def save(self, vintage: Vintage, version: str, waves: "pd.DataFrame") -> Path:
        """Freeze waves under their version; one that is there undamaged stays as it is."""
        return self.versions.write(vintage, version, lambda partial: waves.to_parquet(partial, index=False))

    def load_input(self, context: dg.InputContext) -> "pd.DataFrame | None":
        import pandas as pd

        vintage = vintage_of(context.partition_key)
        version = self.held(vintage)
        return None if version is None else pd.read_parquet(self.checked(vintage, version))


class LongTermStore(OptionalStore):
    """Draws of the long-term posterior, read once a process."""

    @property
    def versions(self) -> Versions:
        return Versions(
            Path(self.folder), ".nc", "materialize bvar_posterior for {vintage}, which fits it again"
        )

    def save(self, vintage: Vintage, version: str, found: "LongTerm") -> Path:
        """Keep a long-term posterior under its version; one that is there undamaged stays as it is."""
        from mmm_core.long_term.stored import save_long_term

        return self.versions.write(vintage, version, lambda partial: save_long_term(found.tree, partial))

    def is_whole(self, vintage: Vintage, version: str) -> bool:
        """Whether an earlier run left this version; a damaged one is put aside, to be fitted again."""
        path = self.path(vintage, version)
        return path.is_file() and not self.versions.put_aside_if_damaged(path, "it is fitted again")

    def load(self, vintage: Vintage, version: str) -> "LongTerm":
        """A long-term posterior, read once as long as its file stays the same.

        Raises:
            Damaged: it is not what was written, and was put aside; the message names the remedy.
            FileNotFoundError: it is not there.
        """
        from mmm_core.long_term.stage import LongTerm
        from mmm_core.long_term.stored import load_long_term

        path = self.checked(vintage, version)
        state = path.stat()
        key = (str(path.resolve()), state.st_mtime_ns, state.st_size)
        if key not in _kept:
            _kept[key] = LongTerm.of(load_long_term(path))
            while len(_kept) > KEPT:
                _kept.popitem(last=False)
        _kept.move_to_end(key)
        return _kept[key]

    def load_input(self, context: dg.InputContext) -> "LongTerm | None":
        vintage = vintage_of(context.partition_key)
        version = self.held(vintage)
        return None if version is None else self.load(vintage, version)
