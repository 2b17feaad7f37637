"""The registered model as MLflow loads it: from this file and the posterior's netCDF, no pickle.

MLflow runs this file by itself, in any process that has `mmm_core` (a copy travels with the model); the rest of the
project is not there. It lies in a folder that is no package, so that loading the assets does not import it.
"""

import warnings

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel


class MarketingMixModel(PythonModel):
    """Forecasts the KPI of a spend plan.

    `predict` takes the weeks that follow the fitted ones, a row a week (and geo): the week, the geo in a panel, and a
    spend column a paid channel, named as in the model's YAML; controls where they are known. It returns mean, sd, q05,
    median and q95 of the KPI a week and geo, and far_outside, whether that is far outside anything seen, as a
    warning says too. `mmm_core.forecast.predict.predict` says more, and what it refuses.
    """

    def load_context(self, context):
        from mmm_core.inference.version import source_remark
        from mmm_core.posterior.schema import load_posterior

        file = context.artifacts["posterior"]
        self.posterior = load_posterior(file)
        if remark := source_remark(
            self.posterior, file
        ):  # where `mmm_core` was imported from elsewhere before
            warnings.warn(remark, stacklevel=2)

    def predict(self, context, model_input: pd.DataFrame, params=None) -> pd.DataFrame:
        from mmm_core.forecast.predict import predict
        from mmm_core.posterior.handle import Posterior

        forecast = predict(self.posterior, model_input, **(params or {}))
        if forecast.attrs["outside"]:
            warnings.warn(f"the forecast is {forecast.attrs['outside']}", stacklevel=2)
        return (
            forecast.to_dataframe()
            .reset_index()
            .rename(columns={"week": Posterior.of(self.posterior).spec.time.column})
        )


mlflow.models.set_model(MarketingMixModel())
