"""The registered response curves as MLflow loads them: from this file and a Parquet table, with pandas alone.

MLflow runs this file by itself, in any process; the rest of the project is not there.
"""

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel

FIGURES = ("mean", "q05", "q95")


class ResponseCurves(PythonModel):
    """What a channel brings at some spend over the period of its curve.

    `predict` takes rows of `channel` and `spend`, in money over the period, and returns mean, q05 and q95 of the
    incremental outcome, read off the curve between its points. A channel that has no curve and a spend beyond the
    curve's end are refused: what lies there was not worked out.
    """

    def load_context(self, context):
        table = pd.read_parquet(context.artifacts["table"])
        self.curves = {channel: rows.sort_values("spend") for channel, rows in table.groupby("channel")}

    def predict(self, context, model_input: pd.DataFrame, params=None) -> pd.DataFrame:
        missing = {"channel", "spend"} - set(model_input)
        if missing:
            raise ValueError(
                f"the columns channel and spend are needed; missing: {', '.join(sorted(missing))}"
            )
        rows = [self._read(channel, spend) for channel, spend in model_input[["channel", "spend"]].to_numpy()]
        return pd.DataFrame(rows, columns=["channel", "spend", *FIGURES])

    def _read(self, channel, spend):
        if channel not in self.curves:
            raise ValueError(f"no curve of '{channel}': there are {', '.join(sorted(self.curves))}")
        curve, spend = self.curves[channel], float(spend)
        most = float(curve["spend"].iloc[-1])
        if not 0 <= spend <= most:
            raise ValueError(
                f"{channel}: a spend of {spend:,.0f} lies outside of its curve, 0 to {most:,.0f}"
            )
        return [channel, spend, *(float(np.interp(spend, curve["spend"], curve[name])) for name in FIGURES)]


mlflow.models.set_model(ResponseCurves())
