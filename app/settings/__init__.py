"""Every setting, in one frozen object: `app.configuration` reads it from a file and the environment."""

from __future__ import annotations

from app.settings.broker import BrokerSecurity, BrokerSettings, DeliverySettings, TopicOverride, TopicSettings
from app.settings.embedding import EmbeddingSettings
from app.settings.gateway import (
    GatewayCors,
    GatewaySecurity,
    GatewaySettings,
    GatewayTls,
    OidcSettings,
    PolicySettings,
    is_safe_url,
)
from app.settings.models import BatchSettings, HedgeSettings, LimitSettings, ModelSettings, PriceSettings
from app.settings.operations import AuditSettings, SecretSourceSettings, ServerSettings, TelemetrySettings
from app.settings.parsing import ParsingSettings
from app.settings.residency import ResidencySettings
from app.settings.retrieval import DEFAULT_STORE, RetrievalSettings, StoreSettings
from app.settings.settings import Settings
from app.settings.sources import SourceSettings
from app.settings.values import Delay, HeaderSecret, Inconsistent, Seconds, Section, header_secret
from app.settings.webhooks import WebhookSettings
from app.settings.workflows import (
    AskSettings,
    BudgetSettings,
    CacheSettings,
    ConnectorSettings,
    PanelSettings,
)

__all__ = [
    "DEFAULT_STORE",
    "AskSettings",
    "AuditSettings",
    "BatchSettings",
    "BrokerSecurity",
    "BrokerSettings",
    "BudgetSettings",
    "CacheSettings",
    "ConnectorSettings",
    "Delay",
    "DeliverySettings",
    "EmbeddingSettings",
    "GatewayCors",
    "GatewaySecurity",
    "GatewaySettings",
    "GatewayTls",
    "HeaderSecret",
    "HedgeSettings",
    "Inconsistent",
    "LimitSettings",
    "ModelSettings",
    "OidcSettings",
    "PanelSettings",
    "ParsingSettings",
    "PolicySettings",
    "PriceSettings",
    "ResidencySettings",
    "RetrievalSettings",
    "Seconds",
    "SecretSourceSettings",
    "Section",
    "ServerSettings",
    "Settings",
    "SourceSettings",
    "StoreSettings",
    "TelemetrySettings",
    "TopicOverride",
    "TopicSettings",
    "WebhookSettings",
    "header_secret",
    "is_safe_url",
]
