"""One vintage of a small model in a folder: its frozen table, a posterior made by hand in place of a fit, an MLflow."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from assets.models import Vintage, load_model
from assets.posteriors.mmm_posterior import mmm_posterior
from assets.registry.registered_model import registered_model
from assets.resources.fitting import FitProcess
from assets.resources.landing import Landing
from assets.resources.long_term_stores import LongTermStore, SurveyStore
from assets.resources.report_store import ReportStore
from assets.resources.stores import (
    EvidenceStore,
    PosteriorStore,
    RefusingIOManager,
    ResultStore,
    VintageStore,
)
from assets.resources.tracking import Tracking
from assets.resources.warehouse import Warehouse
from mmm_core.evidence.lift_test import WeighedTest
from mmm_core.evidence.stored import Evidence, read_evidence
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table

VINTAGE = Vintage(
    "us_revenue", "2025-03-17"
)  # a partition of the repository; the YAML of that name is the tests' own
SMALL = {**SPEC, "model": VINTAGE.model, "review": {"holdout_weeks": 0}}


@dataclass(frozen=True)
class ModelStages:
    """The folder of a vintage, and a Dagster instance to materialize its assets in."""

    folder: Path
    instance: dg.DagsterInstance

    @property
    def vintages(self) -> VintageStore:
        return VintageStore(folder=str(self.folder / "vintages"))

    @property
    def evidence(self) -> EvidenceStore:
        return EvidenceStore(folder=str(self.folder / "evidence"))

    @property
    def posteriors(self) -> PosteriorStore:
        return PosteriorStore(folder=str(self.folder / "posteriors"))

    @property
    def surveys(self) -> SurveyStore:
        return SurveyStore(folder=str(self.folder / "surveys"))

    @property
    def long_terms(self) -> LongTermStore:
        return LongTermStore(folder=str(self.folder / "long_term"))

    @property
    def results(self) -> ResultStore:
        return ResultStore(folder=str(self.folder / "results"))

    @property
    def reports(self) -> ReportStore:
        return ReportStore(folder=str(self.folder / "reports"))

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(path=str(self.folder / "warehouse.duckdb"), wait_seconds=20)

    @property
    def tracking(self) -> Tracking:
        uri = f"sqlite:///{self.folder / 'mlflow.db'}"
        return Tracking(uri=uri, artifacts=str(self.folder / "artifacts"), ui="http://mlflow")

    def write_spec(self, **changes: Any) -> None:
        (self.folder / "models" / f"{VINTAGE.model}.yaml").write_text(yaml.safe_dump({**SMALL, **changes}))

    def freeze(self) -> str:
        """The vintage's table, and its version; no lift test calibrates."""
        from mmm_core.data.table import check_table, fingerprint

        table = check_table(weekly_table(), load_model(VINTAGE.model))
        version = fingerprint(table)
        self.vintages.save(VINTAGE, version, table)
        self.vintages.point(VINTAGE, version)
        self.accept()
        return version

    def accept(self, *tests: WeighedTest) -> Evidence:
        """Lift tests as `lift_evidence` leaves those that calibrate."""
        found = Evidence(VINTAGE.model, VINTAGE.week, tests)
        version = sha256(found.to_json().encode()).hexdigest()[:16]
        self.evidence.save(VINTAGE, version, found.to_json())
        self.evidence.point(VINTAGE, version)
        return found

    def put_posterior(self, **options: Any) -> str:
        """A posterior of the table under the version that its fit would have, and that version.

        `options` are those of `tests.mmm_core.posteriors.posterior`, `attrs` to change, and its `spec`.
        """
        from mmm_core.inference.version import posterior_version
        from mmm_core.posterior.schema import save_posterior

        attrs, spec = options.pop("attrs", {}), options.pop("spec", SMALL)
        evidence = read_evidence(self.evidence.checked(VINTAGE, self.evidence.current(VINTAGE)))
        version = posterior_version(self.vintages.current(VINTAGE), load_model(VINTAGE.model), evidence)
        tree = posterior(spec, **options)
        tree.attrs.update({"table": self.vintages.current(VINTAGE), **attrs})
        save_posterior(tree, self.posteriors.path(VINTAGE, version))
        return version

    def materialize(
        self, asset: dg.AssetsDefinition, *around: dg.AssetsDefinition
    ) -> dg.ExecuteInProcessResult:
        """Materialize one asset; those `around` it are known but not run. A failed run is returned, not raised."""
        resources = {
            "io_manager": RefusingIOManager(),
            "landing": Landing(folder=str(self.folder / "landing")),
            "vintages": self.vintages,
            "evidence": self.evidence,
            "posteriors": self.posteriors,
            "surveys": self.surveys,
            "long_terms": self.long_terms,
            "results": self.results,
            "reports": self.reports,
            "warehouse": self.warehouse,
            "tracking": self.tracking,
            "fit_process": FitProcess(command=["false"], environment={}, folder=str(self.folder)),
        }
        return dg.materialize(
            list({id(each): each for each in (asset, mmm_posterior, *around)}.values()),
            selection=[asset],
            partition_key=VINTAGE.key,
            instance=self.instance,
            resources=resources,
            raise_on_error=False,
        )

    def registered(self, **options: Any) -> str:
        """A posterior, materialized and registered; its version."""
        version = self.put_posterior(**options)
        for asset in (mmm_posterior, registered_model):
            result = self.materialize(asset)
            assert result.success
        return version


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """Metadata of an asset's materialization, as plain values."""
    (event,) = result.asset_materializations_for_node(asset)
    return {name: value.value for name, value in event.metadata.items()}
