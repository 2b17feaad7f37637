"""The registered budget as MLflow loads it: from this file and a Parquet table, with pandas alone.

MLflow runs this file by itself, in any process; the rest of the project is not there.
"""

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel


class Budget(PythonModel):
    """The recommended budget.

    `predict` takes rows of `channel`, or an empty table for all, and returns the plan's rows of these channels: current
    and recommended spend, bounds, and what they are expected to bring.
    """

    def load_context(self, context):
        self.plan = pd.read_parquet(context.artifacts["table"])

    def predict(self, context, model_input: pd.DataFrame, params=None) -> pd.DataFrame:
        if "channel" not in model_input or model_input.empty:
            return self.plan
        wanted = list(model_input["channel"])
        unknown = sorted(set(wanted) - set(self.plan["channel"]))
        if unknown:
            known = ", ".join(self.plan["channel"])
            raise ValueError(f"not in the plan: {', '.join(map(str, unknown))}; its channels are {known}")
        return self.plan.set_index("channel").loc[wanted].reset_index()


mlflow.models.set_model(Budget())
