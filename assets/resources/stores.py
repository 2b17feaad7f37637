"""Where model-stage assets keep files: vintages and results as Parquet, posteriors as netCDF; nothing pickles.

All are content-addressed (`assets.resources.versions`) and know whether they are what was written: Parquet by a
checksum beside it, a posterior by a digest in it. A damaged file that can be made again is put aside.
"""

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.models import Vintage, vintage_of
from assets.resources.damage import met, set_aside
from assets.resources.result_store import ResultStore
from assets.resources.versions import Damaged, Versions
from assets.resources.vintage_origin import VintageOrigin, read_origin
from mmm_core.files import write_whole

if TYPE_CHECKING:
    import pandas as pd
    from xarray import DataTree

    from mmm_core.evidence.stored import Evidence

__all__ = [
    "Damaged",
    "EvidenceStore",
    "PosteriorStore",
    "RefusingIOManager",
    "ResultStore",
    "VersionedStore",
    "VintageStore",
]


KEPT = 5
"""Posteriors a process keeps in memory: a vintage's own, its holdouts' and the earlier one to compare with."""
_kept: "OrderedDict[tuple[str, int, int, int], DataTree]" = OrderedDict()


def _read(path: Path) -> "DataTree":
    """The posterior of a file, read once as long as the file stays the same."""
    from mmm_core.posterior.schema import load_posterior

    state = path.stat()
    key = (str(path.resolve()), state.st_ino, state.st_mtime_ns, state.st_size)
    if key not in _kept:
        _kept[key] = load_posterior(path)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return _kept[key]


class VersionedStore(dg.ConfigurableIOManager):
    """Content-addressed files of one kind, and the pointer to each vintage's current one."""

    folder: str

    @property
    def versions(self) -> Versions:
        raise NotImplementedError

    def path(self, vintage: Vintage, version: str) -> Path:
        return self.versions.path(vintage, version)

    def current(self, vintage: Vintage) -> str:
        """Version that a vintage holds now.

        Raises:
            FileNotFoundError: it was never materialized.
        """
        return self.versions.current(vintage)

    def checked(self, vintage: Vintage, version: str) -> Path:
        """Path of a version that is what was written.

        Raises:
            Damaged: it is not, and was put aside; the message names the remedy.
        """
        return self.versions.checked(vintage, version)

    def point(self, vintage: Vintage, version: str) -> None:
        """Make a version, whose file is there, the vintage's current one."""
        self.versions.point(vintage, version)

    def handle_output(self, context: dg.OutputContext, obj: str | None) -> None:
        """The asset has put its file in place itself and returns the version; None where it put none there."""
        if obj is None:
            return
        vintage = vintage_of(context.partition_key)
        self.point(vintage, obj)
        self.versions.sweep(vintage)
        context.add_output_metadata({"path": dg.MetadataValue.path(str(self.path(vintage, obj))), **met()})


class VintageStore(VersionedStore):
    """Model tables as Parquet."""

    @property
    def versions(self) -> Versions:
        return Versions(
            Path(self.folder),
            ".parquet",
            "materialize model_table for {vintage}, which freezes the marts' table again",
        )

    def save(self, vintage: Vintage, version: str, table: "pd.DataFrame") -> Path:
        """Freeze a table under its version; one that is there undamaged stays as it is."""
        return self.versions.write(vintage, version, lambda partial: table.to_parquet(partial, index=False))

    def keep_origin(self, vintage: Vintage, version: str, origin: VintageOrigin) -> VintageOrigin:
        """Keep beside a frozen table where it comes from, and return it.

        A table that is there as one whose rows were all known then stays that, whoever froze the same one since.
        """
        kept = self.origin(vintage, version)
        if kept is not None and kept.known_then and not origin.known_then:
            return kept
        write_whole(self._origin_path(vintage, version), lambda partial: partial.write_text(origin.to_json()))
        return origin

    def origin(self, vintage: Vintage, version: str) -> VintageOrigin | None:
        """Where a frozen table comes from; None of one that was frozen by an earlier release."""
        try:
            return read_origin(self._origin_path(vintage, version).read_bytes())
        except FileNotFoundError:
            return None

    def _origin_path(self, vintage: Vintage, version: str) -> Path:
        return self.path(vintage, version).with_suffix(".origin.json")

    def load_input(self, context: dg.InputContext) -> "pd.DataFrame":
        import pandas as pd

        vintage = vintage_of(context.partition_key)
        return pd.read_parquet(self.checked(vintage, self.current(vintage)))


class EvidenceStore(VersionedStore):
    """The lift tests that calibrate each vintage, as JSON that `mmm_core.evidence.stored.read_evidence` reads."""

    @property
    def versions(self) -> Versions:
        return Versions(
            Path(self.folder),
            ".json",
            "materialize lift_evidence for {vintage}, which scores the tests again",
        )

    def save(self, vintage: Vintage, version: str, text: str) -> Path:
        """Keep evidence under its version; one that is there undamaged stays as it is."""
        return self.versions.write(
            vintage, version, lambda partial: partial.write_text(text, encoding="utf-8")
        )

    def load_input(self, context: dg.InputContext) -> "Evidence":
        from mmm_core.evidence.stored import read_evidence

        vintage = vintage_of(context.partition_key)
        return read_evidence(self.checked(vintage, self.current(vintage)))


class PosteriorStore(VersionedStore):
    """Posterior draws as netCDF, read whole so that no file stays open.

    A run's steps share a process: the tree that one step read, and all that was worked out of it
    (`mmm_core.posterior.handle`), is there for the next. Nobody may change a tree that was read.
    """

    compilation_cache: str | None = None  # folder of compiled programs, for the analyses of what is read

    @property
    def versions(self) -> Versions:
        return Versions(
            Path(self.folder), ".nc", "materialize mmm_posterior for {vintage}, which fits it again"
        )

    def holdout_path(self, vintage: Vintage, version: str, weeks: int) -> Path:
        """The same fit without the last weeks, for the review."""
        return self.path(vintage, version).with_suffix(f".holdout{weeks}.nc")

    def report_path(self, vintage: Vintage, version: str) -> Path:
        """What the lift tests of a posterior moved; another file where other source works it out."""
        from mmm_core.source import source_hash

        source = source_hash(["mmm_core.agreement.stored"])[:8]
        return self.path(vintage, version).with_suffix(f".tests-{source}.json")

    def has_report(self, vintage: Vintage, version: str) -> bool:
        """Whether that is there; a damaged one is put aside, to be made again."""
        return self.is_there(self.report_path(vintage, version))

    def change_path(self, vintage: Vintage, version: str, previous: str) -> Path:
        """What changed since a posterior of an earlier week; another file where other source works it out."""
        from mmm_core.source import source_hash

        source = source_hash(["mmm_core.report.change"])[:8]
        return self.path(vintage, version).with_suffix(f".since-{previous}-{source}.json")

    def is_there(self, path: Path) -> bool:
        """Whether what belongs to a posterior is there; a damaged file is put aside, to be made again."""
        return path.is_file() and not self.versions.put_aside_if_damaged(path, "it is made again")

    def load(self, vintage: Vintage, version: str, keep: bool = True) -> "DataTree":
        """A posterior of a vintage.

        Args:
            keep: hold it in memory for whoever reads it next.

        Raises:
            Damaged: it is not what was written, and was put aside; the message names the remedy.
        """
        return self._load(vintage, self.path(vintage, version), keep)

    def load_holdouts(self, vintage: Vintage, version: str, held_out: tuple[int, ...]) -> "list[DataTree]":
        """The fits without so many last weeks; all of them, or none where one is missing."""
        paths = [self.holdout_path(vintage, version, weeks) for weeks in held_out]
        return [self._load(vintage, path) for path in paths] if all(path.is_file() for path in paths) else []

    def is_whole(self, path: Path) -> bool:
        """Whether an earlier run left this posterior; a damaged one is put aside, to be fitted again."""
        from mmm_core.errors import DamagedFile
        from mmm_core.posterior.schema import load_posterior

        if not path.is_file():
            return False
        try:
            load_posterior(path)
        except DamagedFile:
            set_aside(path, "it is fitted again")
            return False
        return True

    def load_previous(self, vintage: Vintage) -> "DataTree | None":
        """The model's latest posterior of an earlier as-of week that can be read; damaged ones are put aside."""
        from mmm_core.errors import InputError

        for earlier in self._earlier(vintage):
            try:
                return self.load(earlier, self.current(earlier))
            except (Damaged, FileNotFoundError):
                continue  # what was put aside has been said; the week before it serves as well
            except InputError as error:  # written by another release: no reason to stop this week's review
                dg.get_dagster_logger().warning(f"not compared with {earlier.as_of_week}: {error}")
        return None

    def _earlier(self, vintage: Vintage) -> Iterator[Vintage]:
        pointers = (Path(self.folder) / vintage.model).glob("*/current.json")
        weeks = {pointer.parent.name for pointer in pointers if pointer.parent.name < vintage.as_of_week}
        yield from (Vintage(vintage.model, week) for week in sorted(weeks, reverse=True))

    def _load(self, vintage: Vintage, path: Path, keep: bool = True) -> "DataTree":
        from mmm_core.errors import DamagedFile
        from mmm_core.inference.runtime import keep_programs
        from mmm_core.posterior.schema import load_posterior

        if self.compilation_cache:
            keep_programs(Path(self.compilation_cache))
        remedy = self.versions.remedy.format(vintage=vintage.key)
        if not path.is_file():
            raise FileNotFoundError(f"{path}: not there: {remedy}")
        try:
            return _read(path) if keep else load_posterior(path)
        except DamagedFile as error:
            set_aside(path, remedy)
            raise Damaged(f"{error}. It has been put aside: {remedy}") from None

    def load_input(self, context: dg.InputContext) -> "DataTree":
        from mmm_core.inference.version import source_remark

        vintage = vintage_of(context.partition_key)
        version = self.current(vintage)
        tree = self.load(vintage, version)
        if remark := source_remark(tree, str(self.path(vintage, version))):
            context.log.warning(f"{remark}: materialize mmm_posterior")
        return tree


class RefusingIOManager(dg.ConfigurableIOManager):
    """Bound to the default key, where Dagster would pickle: an asset must say how its value is kept."""

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        if obj is not None:
            raise TypeError(
                f"{context.asset_key.to_user_string()} returned a {type(obj).__name__} and names no io_manager_key; "
                "nothing is pickled here: name one of orchestration/resources.py, or return nothing"
            )

    def load_input(self, context: dg.InputContext) -> Any:
        raise TypeError(
            f"{context.asset_key.to_user_string()} names no io_manager_key, so its value was not kept: "
            "depend on it with deps=[...], or give it an IO manager of orchestration/resources.py"
        )
