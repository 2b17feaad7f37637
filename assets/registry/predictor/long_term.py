"""The registered long-term returns as MLflow loads them: from this file and a Parquet table, with pandas alone.

MLflow runs this file by itself, in any process; the rest of the project is not there. The draws behind the table are
the artifact `posterior`, a netCDF file of labelled arrays.
"""

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel


class LongTermReturns(PythonModel):
    """What a unit of spend brings in the short term, by way of the brand, and in total.

    `predict` takes rows of `channel`, or an empty table for all, and returns the rows of these channels: a row an
    effect (short, long, total, long_run) and path, with mean, median, sd, q05, q95 and the share of draws above 0.
    """

    def load_context(self, context):
        self.returns = pd.read_parquet(context.artifacts["table"])

    def predict(self, context, model_input: pd.DataFrame, params=None) -> pd.DataFrame:
        if "channel" not in model_input or model_input.empty:
            return self.returns
        wanted = list(model_input["channel"])
        unknown = sorted(set(wanted) - set(self.returns["channel"]))
        if unknown:
            known = ", ".join(dict.fromkeys(self.returns["channel"]))
            raise ValueError(
                f"no long-term returns of {', '.join(map(str, unknown))}; there are those of {known}"
            )
        return self.returns[self.returns["channel"].isin(wanted)].reset_index(drop=True)


mlflow.models.set_model(LongTermReturns())
