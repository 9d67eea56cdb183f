"""The models as an agent calls them: each with its limits, breaker, prices and hedges."""

from __future__ import annotations

import time
from collections.abc import Mapping

from app.dependencies import ConfiguredModel
from app.models.base import Model
from app.models.batching.batcher import Batcher
from app.models.calling.hedging import HedgePolicy
from app.models.limits.factory import build_batch_limiter, build_limiter
from app.routing.health import HealthBoard
from app.routing.health_recorder import HealthRecorder
from app.settings import Settings
from app.worker.components import Components


def configured_models(
    components: Components, settings: Settings, measures: HealthRecorder, board: HealthBoard
) -> Mapping[str, ConfiguredModel]:
    """Return the models by name; `board` tells how many workers share the limits of each."""

    def configured(name: str, model: Model) -> ConfiguredModel:
        own, circuit = settings.models[name], measures.circuit(name)
        limiter = build_limiter(name, model, own, circuit, callers=lambda: board.callers(name, time.time()))
        batches = "batch" in model.features
        return ConfiguredModel(
            limiter,
            own,
            components.prices.get(name),
            HedgePolicy(own.hedge) if own.hedge else None,
            Batcher(build_batch_limiter(name, model, circuit), own) if batches else None,
        )

    return {name: configured(name, model) for name, model in components.models.items()}
