"""Where model-stage assets keep files: vintages and results as Parquet, posteriors as netCDF; nothing pickles.

Vintages and posteriors are content-addressed, `<folder>/<model>/<as_of_week>/<version>`, with `current.json`
beside them that says which one the partition holds. What was once written is never written over, and a reader sees
a whole file or none: files are written under another name in the same folder and then renamed.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.models import Vintage, vintage_of
from mmm_core.files import write_whole

if TYPE_CHECKING:
    import pandas as pd
    from xarray import DataTree


class VersionedStore(dg.ConfigurableIOManager):
    """Content-addressed files of one kind, and the pointer to each vintage's current one."""

    folder: str

    def path(self, vintage: Vintage, version: str) -> Path:
        return Path(self.folder) / vintage.model / vintage.as_of_week / f"{version}{self._suffix}"

    @property
    def _suffix(self) -> str:
        raise NotImplementedError

    def current(self, vintage: Vintage) -> str:
        """Version that a vintage holds now.

        Raises:
            FileNotFoundError: it was never materialized.
        """
        pointer = Path(self.folder) / vintage.model / vintage.as_of_week / "current.json"
        if not pointer.is_file():
            raise FileNotFoundError(f"{pointer}: nothing yet for {vintage.key}: materialize it first")
        return json.loads(pointer.read_text())["version"]

    def point(self, vintage: Vintage, version: str) -> None:
        """Make a version, whose file is there, the vintage's current one."""
        path = self.path(vintage, version)
        if not path.is_file():
            raise FileNotFoundError(f"{path}: cannot point {vintage.key} at a file that is not there")
        write_whole(
            path.with_name("current.json"),
            lambda partial: partial.write_text(json.dumps({"version": version}) + "\n"),
        )

    def handle_output(self, context: dg.OutputContext, obj: str) -> None:
        """The asset has put its file in place itself and returns the version."""
        vintage = vintage_of(context.partition_key)
        self.point(vintage, obj)
        context.add_output_metadata({"path": dg.MetadataValue.path(str(self.path(vintage, obj)))})


class VintageStore(VersionedStore):
    """Model tables as Parquet."""

    @property
    def _suffix(self) -> str:
        return ".parquet"

    def save(self, vintage: Vintage, version: str, table: "pd.DataFrame") -> Path:
        """Freeze a table under its version; one that is there already stays as it is."""
        path = self.path(vintage, version)
        if not path.is_file():
            write_whole(path, lambda partial: table.to_parquet(partial, index=False))
        return path

    def load_input(self, context: dg.InputContext) -> "pd.DataFrame":
        import pandas as pd

        vintage = vintage_of(context.partition_key)
        return pd.read_parquet(self.path(vintage, self.current(vintage)))


class PosteriorStore(VersionedStore):
    """Posterior draws as netCDF, read whole so that no file stays open."""

    @property
    def _suffix(self) -> str:
        return ".nc"

    def holdout_path(self, vintage: Vintage, version: str, weeks: int) -> Path:
        """The same fit without the last weeks, for the review."""
        return self.path(vintage, version).with_suffix(f".holdout{weeks}.nc")

    def load(self, vintage: Vintage, version: str) -> "DataTree":
        from mmm_core.posterior.schema import load_posterior

        return load_posterior(self.path(vintage, version))

    def load_previous(self, vintage: Vintage) -> "DataTree | None":
        """The model's latest posterior of an earlier as-of week, if there is one."""
        pointers = (Path(self.folder) / vintage.model).glob("*/current.json")
        weeks = [pointer.parent.name for pointer in pointers if pointer.parent.name < vintage.as_of_week]
        if not weeks:
            return None
        earlier = Vintage(vintage.model, max(weeks))
        return self.load(earlier, self.current(earlier))

    def load_input(self, context: dg.InputContext) -> "DataTree":
        from mmm_core.inference.version import source_remark

        vintage = vintage_of(context.partition_key)
        version = self.current(vintage)
        tree = self.load(vintage, version)
        if remark := source_remark(tree, str(self.path(vintage, version))):
            context.log.warning(f"{remark}: materialize mmm_posterior")
        return tree


class ResultStore(dg.ConfigurableIOManager):
    """What is computed from a posterior, as Parquet: `<folder>/<asset>/<model>/<as_of_week>.parquet`."""

    folder: str

    def path(self, asset: str, vintage: Vintage) -> Path:
        return Path(self.folder) / asset / vintage.model / f"{vintage.as_of_week}.parquet"

    def handle_output(self, context: dg.OutputContext, obj: "pd.DataFrame") -> None:
        path = self.path(context.asset_key.path[-1], vintage_of(context.partition_key))
        write_whole(path, lambda partial: obj.to_parquet(partial, index=False))
        context.add_output_metadata({"path": dg.MetadataValue.path(str(path))})

    def read(self, asset: str, vintage: Vintage) -> "pd.DataFrame | None":
        """An asset's table for a vintage; None where it was never materialized."""
        import pandas as pd

        path = self.path(asset, vintage)
        return pd.read_parquet(path) if path.is_file() else None

    def load_input(self, context: dg.InputContext) -> "pd.DataFrame":
        asset, vintage = context.asset_key.path[-1], vintage_of(context.partition_key)
        table = self.read(asset, vintage)
        if table is None:
            raise FileNotFoundError(f"{self.path(asset, vintage)}: not there: materialize {asset} first")
        return table


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
