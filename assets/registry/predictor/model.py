"""The registered model as MLflow loads it: from this file and the posterior's netCDF, no pickle.

MLflow runs this file by itself, in any process that has `mmm_core` (a copy travels with the model); the rest of the
project is not there. It lies in a folder that is no package, so that loading the assets does not import it.
"""

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext


class MarketingMixModel(PythonModel):
    """Predicts the KPI of a spend plan."""

    def load_context(self, context: PythonModelContext) -> None:
        from mmm_core.posterior import load_posterior

        self.posterior = load_posterior(context.artifacts["posterior"])

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame, params=None) -> pd.DataFrame:
        """KPI per week (and geo) for `model_input`: week_start, geo in a panel, and a spend column a paid channel."""
        from mmm_core.predict import predict

        return predict(self.posterior, model_input).to_dataframe().reset_index()


mlflow.models.set_model(MarketingMixModel())
