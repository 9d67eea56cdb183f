"""Every setting, in one frozen object; `app.configuration` reads it from a file and the environment.

The descriptions and examples are what `app.configuration.template` and the JSON schema show.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from app.settings.broker import BrokerSettings, DeliverySettings, TopicSettings
from app.settings.gateway import GatewaySettings
from app.settings.models import ModelSettings
from app.settings.operations import AuditSettings, SecretSourceSettings, ServerSettings, TelemetrySettings
from app.settings.residency import ResidencySettings
from app.settings.retrieval import RetrievalSettings
from app.settings.sources import SourceSettings
from app.settings.values import Inconsistent, Section
from app.settings.webhooks import WebhookSettings
from app.settings.workflows import (
    AskSettings,
    BudgetSettings,
    CacheSettings,
    ConnectorSettings,
    PanelSettings,
)
from app.suggestions import did_you_mean
from topics.sync_requests import SourceName


def _local() -> dict[str, ModelSettings]:
    return {"local": ModelSettings(provider="local")}


class Settings(Section):
    """The whole configuration."""

    app_id: str = Field(
        default="meta-ai", pattern=r"^[a-zA-Z0-9._-]+$", max_length=100, description="names the consumer group"
    )
    broker: BrokerSettings = Field(default=BrokerSettings(), description="which broker carries the events")
    topics: TopicSettings = Field(default=TopicSettings(), description="how topics are named and created")
    delivery: DeliverySettings = Field(
        default=DeliverySettings(), description="acknowledgement, concurrency and retries"
    )
    cache: CacheSettings = Field(default=CacheSettings(), description="the response cache of steps with `cache`")
    models: dict[str, ModelSettings] = Field(
        default_factory=_local, description="the models that workflows can name, by that name"
    )
    prices: Path | None = Field(
        default=None,
        description="a file of prices, which override the built-in ones",
        examples=["prices.yaml"],
    )
    retrieval: RetrievalSettings = Field(default=RetrievalSettings(), description="where documents are indexed")
    connectors: dict[str, ConnectorSettings] = Field(
        default_factory=dict, description="the connectors that workflows can name, by that name"
    )
    sources: dict[SourceName, SourceSettings] = Field(
        default_factory=dict, description="the places that documents are synced from, by name"
    )
    workflows: tuple[Path, ...] = Field(
        default=(), description="files, or folders of files, with workflows", examples=[["workflows"]]
    )
    ask: AskSettings = Field(default=AskSettings(), description="what the built-in workflow `ask` does")
    panels: dict[str, PanelSettings] = Field(
        default_factory=dict,
        description="panels of models that the gateway answers for, by that name",
        examples=[{"careful": {"models": ["small", "large"]}}],
    )
    budgets: tuple[BudgetSettings, ...] = Field(
        default=(),
        description="how much may be spent; a run asks every budget that applies for money, in this order",
        examples=[[{"name": "acme", "tenant": "acme", "limit": 50.0, "period": "30d"}]],
    )
    residency: ResidencySettings = Field(
        default=ResidencySettings(), description="which regions the work of tenants may reach"
    )
    server: ServerSettings = Field(default=ServerSettings(), description="health and metrics over HTTP")
    gateway: GatewaySettings = Field(default=GatewaySettings(), description="the HTTP API: tasks in, results out")
    webhooks: WebhookSettings = Field(
        default=WebhookSettings(), description="who is told of tasks that have ended, and how"
    )
    secret_sources: SecretSourceSettings = Field(
        default=SecretSourceSettings(), description="references to secrets, such as ${file:/run/secrets/key}"
    )
    audit: AuditSettings = Field(default=AuditSettings(), description="the hash chain over the audit")
    telemetry: TelemetrySettings = Field(default=TelemetrySettings(), description="logs, metrics, traces")

    @model_validator(mode="before")
    @classmethod
    def _ask_all_models(cls, given: Any) -> Any:
        """Have the built-in workflow ask all models where it is not said which."""
        models, ask = (given.get("models"), given.get("ask", {})) if isinstance(given, dict) else (None, None)
        if isinstance(ask, AskSettings):
            ask = ask.model_dump(exclude_unset=True)
        if not isinstance(models, dict) or not models or not isinstance(ask, dict) or "models" in ask:
            return given
        return {**given, "ask": {**ask, "models": tuple(models)}}

    @model_validator(mode="after")
    def _models_exist(self) -> Settings:
        for name in self.ask.models:
            if name not in self.models:
                raise Inconsistent(f"no model is called {name}; {did_you_mean(name, self.models)}", "ask", "models")
        return self

    @model_validator(mode="after")
    def _panels_fit(self) -> Settings:
        for name, panel in self.panels.items():
            if name in self.models:
                raise Inconsistent(f"a model is called {name}, too", "panels", name)
            if unknown := sorted(set(panel.models).difference(self.models)):
                hint = did_you_mean(unknown[0], self.models)
                raise Inconsistent(f"no model is called {unknown[0]}; {hint}", "panels", name, "models")
            if len(set(panel.models)) < len(panel.models):
                raise Inconsistent("a model is named twice", "panels", name, "models")
            if panel.quorum > len(panel.models):
                message = f"is {panel.quorum}, but there are only {len(panel.models)} models"
                raise Inconsistent(message, "panels", name, "quorum")
        return self

    @model_validator(mode="after")
    def _budgets_fit(self) -> Settings:
        names = [budget.name for budget in self.budgets]
        for place, budget in enumerate(self.budgets):
            if budget.name in names[:place]:
                raise Inconsistent(f"two budgets are called {budget.name}", "budgets")
            if unknown := sorted(set(budget.degrade_to).difference(self.models)):
                hint = did_you_mean(unknown[0], self.models)
                text = f"no model is called {unknown[0]}, which degrade_to of {budget.name} names; {hint}"
                raise Inconsistent(text, "budgets")
        return self

    @model_validator(mode="after")
    def _quorum_can_be_met(self) -> Settings:
        if self.ask.quorum > len(self.ask.models):
            message = f"is {self.ask.quorum}, but ask.models has only {len(self.ask.models)}"
            raise Inconsistent(message, "ask", "quorum")
        return self
