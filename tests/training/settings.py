"""Settings under which a whole training takes seconds."""

import dataclasses
from datetime import date

from training.params import BoosterParams
from training.settings import TrainSettings
from training.split import SplitPolicy

QUICK = dataclasses.replace(
    TrainSettings.in_force(date(2026, 1, 1)),
    params=BoosterParams(learning_rate=0.15, leaf_budget=16 * 60, patience=20),
    split=SplitPolicy(min_bads=5),
)
