"""Will a flight leave more than 15 minutes late? A model on the features, judged on a later period."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

if TYPE_CHECKING:
    import numpy as np

FEATURES = [
    "last_dep_delay", "last_arr_delay", "route_arr_delay", "route_air_time", "temp", "wind_speed", "wind_gust",
    "precip", "visib", "pressure", "year_built", "seats", "engines", "origin_delay_1h", "origin_delay_6h",
    "origin_departures", "origin_late", "plane_flights", "plane_worst", "plane_air_time",
]  # fmt: skip
HELD_OUT_FROM = datetime(2013, 10, 1)
LATE_MINUTES = 15


class DelayModel:
    """Gradient boosting on the numeric features and the hour of day."""

    def __init__(self, frame: pl.DataFrame) -> None:
        train = _with_label(frame).filter(pl.col("scheduled_departure") < HELD_OUT_FROM)
        self._model = HistGradientBoostingClassifier(max_iter=40, random_state=0)
        self._model.fit(_inputs(train), train["late"].to_numpy())

    def score(self, frame: pl.DataFrame) -> float:
        """Area under the ROC curve on the flights from October on."""
        test = _with_label(frame).filter(pl.col("scheduled_departure") >= HELD_OUT_FROM)
        probabilities = self._model.predict_proba(_inputs(test))[:, 1]
        return float(roc_auc_score(test["late"].to_numpy(), probabilities))


def _with_label(frame: pl.DataFrame) -> pl.DataFrame:
    departed = frame.filter(pl.col("dep_delay").is_not_null())
    return departed.with_columns(late=pl.col("dep_delay") > LATE_MINUTES)


def _inputs(frame: pl.DataFrame) -> np.ndarray:
    hour = pl.col("scheduled_departure").dt.hour().cast(pl.Float64)
    return frame.select(*(pl.col(name).cast(pl.Float64) for name in FEATURES), hour=hour).to_numpy()
