"""The registered response curves as MLflow loads them: from this file and its artifacts, with pandas alone.

MLflow runs this file by itself, in any process; the rest of the project is not there.
"""

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel

FIGURES = ("mean", "q05", "q95")
ANSWERS = ("each", "sum", "draws")


class ResponseCurves(PythonModel):
    """What channels bring at some spend over the period of their curves.

    `predict` takes rows of `channel` and `spend`, in money over the period. What comes back is in the units of the
    curves' outcome, read off between their points in every draw; `params={"answer": ...}` says in what form:

        each    (default) a row a row: channel, spend, mean, q05, q95
        sum     one row, `channel` "all": of everything asked together, as draws add up and quantiles do not
        draws   a row a row and draw: channel, spend, draw, outcome

    A channel that has no curve and a spend beyond the curve's end are refused: what lies there was not worked out.
    """

    def load_context(self, context):
        with np.load(context.artifacts["draws"]) as kept:
            self.channels = [str(name) for name in kept["channel"]]
            self.points = kept["spend"]  # (channel, point), ascending
            self.draws = kept["outcome"]  # (channel, point, draw)
        # the first question of a process pays for what numpy and pandas set up once: asked here, nobody waits for it
        for answer in ANSWERS:
            self.predict(None, pd.DataFrame({"channel": self.channels[:1], "spend": 0.0}), {"answer": answer})

    def predict(self, context, model_input: pd.DataFrame, params=None) -> pd.DataFrame:
        answer = (params or {}).get("answer", "each")
        if answer not in ANSWERS:
            raise ValueError(f"answer: '{answer}' is none of {', '.join(ANSWERS)}")
        missing = {"channel", "spend"} - set(model_input)
        if missing:
            raise ValueError(
                f"the columns channel and spend are needed; missing: {', '.join(sorted(missing))}"
            )
        channels, spends = model_input["channel"].tolist(), model_input["spend"].tolist()
        outcome = np.stack(
            [self._read(channel, spend) for channel, spend in zip(channels, spends, strict=True)]
        )
        if answer == "draws":
            rows, draws = outcome.shape
            return pd.DataFrame(
                {
                    "channel": np.repeat(channels, draws),
                    "spend": np.repeat(np.asarray(spends, dtype=float), draws),
                    "draw": np.tile(np.arange(draws), rows),
                    "outcome": outcome.ravel(),
                }
            )
        if answer == "sum":
            channels, spends, outcome = ["all"], [float(np.sum(spends))], outcome.sum(axis=0)[None]
        low, high = np.quantile(outcome, [0.05, 0.95], axis=1)
        figures = dict(zip(FIGURES, (outcome.mean(axis=1), low, high), strict=True))
        return pd.DataFrame({"channel": channels, "spend": np.asarray(spends, dtype=float), **figures})

    def _read(self, channel, spend):
        """Outcome (draw,) of a channel's spend."""
        if channel not in self.channels:
            raise ValueError(f"no curve of '{channel}': there are {', '.join(sorted(self.channels))}")
        number = self.channels.index(channel)
        points, draws = self.points[number], self.draws[number]
        if not 0 <= spend <= points[-1]:
            raise ValueError(
                f"{channel}: a spend of {spend:,.0f} lies outside of its curve, 0 to {points[-1]:,.0f}"
            )
        if points[-1] == 0:  # a channel that never had spend
            return draws[0]
        right = int(np.clip(np.searchsorted(points, spend), 1, len(points) - 1))
        share = (spend - points[right - 1]) / (points[right] - points[right - 1])
        return (1.0 - share) * draws[right - 1] + share * draws[right]


mlflow.models.set_model(ResponseCurves())
