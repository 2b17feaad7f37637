"""What is computed from posteriors, as versioned Parquet, and which of it a vintage has published.

The warehouse's `results` can be made again from here: `<folder>/<asset>/<model>/<as_of_week>/<version>.parquet` holds
the rows, and `<folder>/published_results/...json` says which versions a promoted vintage has published.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.models import Vintage, vintage_of
from assets.resources.damage import met
from assets.resources.results import ASSET_OF_TABLE
from assets.resources.versions import Damaged, Versions
from mmm_core.json_text import dumps

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED = "published_results"


class ResultStore(dg.ConfigurableIOManager):
    """Tables of the stages behind a posterior, a version a content."""

    folder: str

    def versions(self, asset: str) -> Versions:
        remedy = f"materialize {asset} for {{vintage}}, which computes it from the posterior again"
        return Versions(Path(self.folder) / asset, ".parquet", remedy)

    @property
    def publications(self) -> Versions:
        """Records of which tables a promoted vintage has published."""
        remedy = "materialize published_results for {vintage}"
        return Versions(Path(self.folder) / PUBLISHED, ".json", remedy)

    def path(self, asset: str, vintage: Vintage) -> Path:
        """File that an asset's table of a vintage lies in now.

        Raises:
            FileNotFoundError: it was never materialized.
        """
        versions = self.versions(asset)
        return versions.path(vintage, versions.current(vintage))

    def keep(self, asset: str, vintage: Vintage, table: "pd.DataFrame") -> str:
        """Keep a table under the hash of its content, which is returned."""
        from mmm_core.data.table import fingerprint

        version = fingerprint(table)
        self.versions(asset).write(vintage, version, lambda partial: table.to_parquet(partial, index=False))
        return version

    def stored(self, asset: str, vintage: Vintage, version: str | None = None) -> "pd.DataFrame":
        """An asset's table for a vintage, the current one or a version.

        Raises:
            Damaged: it is not what was written, and was put aside; the message names the remedy.
            FileNotFoundError: it is not there.
        """
        import pandas as pd

        versions = self.versions(asset)
        return pd.read_parquet(versions.checked(vintage, version or versions.current(vintage)))

    def read(self, asset: str, vintage: Vintage) -> "pd.DataFrame | None":
        """An asset's table for a vintage; None where it was never materialized.

        Raises:
            Damaged: as `stored`.
        """
        try:
            return self.stored(asset, vintage)
        except FileNotFoundError:
            return None

    def handle_output(self, context: dg.OutputContext, obj: "pd.DataFrame") -> None:
        asset, vintage = context.asset_key.path[-1], vintage_of(context.partition_key)
        versions, version = self.versions(asset), self.keep(asset, vintage, obj)
        versions.point(vintage, version)
        versions.sweep(vintage)
        context.add_output_metadata(
            {"path": dg.MetadataValue.path(str(versions.path(vintage, version))), **met()}
        )

    def load_input(self, context: dg.InputContext) -> "pd.DataFrame":
        return self.stored(context.asset_key.path[-1], vintage_of(context.partition_key))

    def record_publication(self, vintage: Vintage, tables: "Mapping[str, pd.DataFrame]") -> None:
        """Keep the tables that a vintage publishes, by their names in the schema `results`, and note which they are."""
        record: dict[str, Any] = {
            name: {
                "version": self.keep(ASSET_OF_TABLE[name], vintage, table),
                "rows": len(table),
                "posterior_version": str(table["posterior_version"].iloc[0]) if len(table) else "",
            }
            for name, table in tables.items()
        }
        text = dumps(record, indent=1) + "\n"
        version = "-".join(stored["version"][:8] for stored in record.values())
        self.publications.write(vintage, version, lambda partial: partial.write_text(text))
        self.publications.point(vintage, version)

    def record(self, vintage: Vintage) -> dict[str, dict[str, Any]]:
        """What a vintage has published: table -> its version, rows and posterior version.

        Raises:
            Damaged: the record is not what was written, and was put aside.
            FileNotFoundError: it has published nothing.
        """
        versions = self.publications
        return json.loads(versions.checked(vintage, versions.current(vintage)).read_bytes())

    def published_posterior(self, vintage: Vintage) -> str:
        """Version of the posterior that the tables which a vintage has published come from; "" where all are empty.

        Raises:
            Damaged, FileNotFoundError: as `record`.
        """
        return next(
            (v for table in self.record(vintage).values() if (v := str(table["posterior_version"]))), ""
        )

    def published_before(self, vintage: Vintage) -> list[tuple[Vintage, str]]:
        """Earlier as-of weeks of a model that were published, with their posteriors' versions, the latest first.

        An earlier publication of the same week does not count: what readers had before is last week's.
        """
        found = []
        for earlier in self.publications.vintages():
            if earlier.model != vintage.model or earlier.as_of_week >= vintage.as_of_week:
                continue
            try:
                found.append((earlier, self.published_posterior(earlier)))
            except (Damaged, FileNotFoundError):
                continue
        return sorted(found, key=lambda each: each[0].as_of_week, reverse=True)
