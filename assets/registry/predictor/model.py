"""The registered model as MLflow loads it: from this file and the posterior's netCDF, no pickle.

MLflow runs this file by itself, in any process that has `mmm_core` (a copy travels with the model); the rest of the
project is not there. It lies in a folder that is no package, so that loading the assets does not import it.
"""

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel


class MarketingMixModel(PythonModel):
    """Forecasts the KPI of a spend plan.

    `predict` takes the weeks that follow the fitted ones, a row a week (and geo): the week, the geo in a panel, and a
    spend column a paid channel, named as in the model's YAML; controls where they are known. It returns mean, sd, q05,
    median and q95 of the KPI a week and geo. `mmm_core.forecast.predict.predict` says more, and what it refuses.
    """

    def load_context(self, context):
        from mmm_core.posterior.schema import load_posterior

        self.posterior = load_posterior(context.artifacts["posterior"])

    def predict(self, context, model_input: pd.DataFrame, params=None) -> pd.DataFrame:
        from mmm_core.forecast.predict import predict
        from mmm_core.posterior.schema import spec_of

        forecast = predict(self.posterior, model_input, **(params or {}))
        return (
            forecast.to_dataframe()
            .reset_index()
            .rename(columns={"week": spec_of(self.posterior).time.column})
        )


mlflow.models.set_model(MarketingMixModel())
