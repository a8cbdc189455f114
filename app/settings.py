"""Every environment variable of bank360, read once, frozen, checked at start-up.

Only `main`, `cli` and the migrations read settings; everything else is given values.
"""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.setting_types import (
    LOOPBACK,
    DatabaseUrl,
    IndexKey,
    IssuerUrl,
    MasterKey,
    Networks,
    NotNegative,
    Origins,
    Paths,
    Port,
    Positive,
    RedisUrl,
    Texts,
    TimeZone,
    Unit,
)

PREFIX = "BANK360_"


class SettingsError(Exception):
    """Environment variables have wrong values; `lines` has one clear line for each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


class Settings(BaseSettings):
    """The settings of one bank360 process. An empty variable counts as one that is not set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    database_url: DatabaseUrl | None = Field(
        default=None,
        validation_alias="DATABASE_URL",
        description="PostgreSQL 16 or newer, postgresql://…; without it the embedded one is used",
    )
    redis_url: RedisUrl | None = Field(
        default=None,
        validation_alias="REDIS_URL",
        description="Redis, redis://…; without it one process serves alone, with Redis inside",
    )
    data_dir: Path = Field(
        default=Path(".bank360"),
        description="Folder of the embedded PostgreSQL and of keys that are made here",
    )
    retail_bank: Path | None = Field(
        default=None, description="Folder of the retail bank's files that an empty demo imports"
    )
    master_key: MasterKey | None = Field(
        default=None,
        description="Base64 of a tink AEAD key set in JSON; without it, keys/ in the data folder",
    )
    index_key: IndexKey | None = Field(
        default=None,
        description="Base64 of 32 bytes for blind indexes; without it, keys/ in the data folder",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on")
    port: Port = Field(default=8000, description="TCP port to listen on; 0 takes a free one")
    database_pool_size: Annotated[Positive, Unit("connections")] = Field(
        default=10, description="Most database connections of one process that queries share"
    )
    statement_timeout_seconds: Annotated[Positive, Unit("seconds")] = Field(
        default=15, description="Longest an SQL statement of a request may run"
    )
    operation_timeout_seconds: Annotated[Positive, Unit("seconds")] = Field(
        default=15, description="Longest a GraphQL operation may run"
    )
    cors_origins: Origins = Field(
        default=(),
        description="Origins of web pages that may call the API, separated by commas; none by "
        "default",
    )
    trusted_proxies: Networks = Field(
        default=LOOPBACK,
        description="Networks of proxies whose X-Forwarded-For tells the client's address",
    )
    metrics_networks: Networks = Field(
        default=LOOPBACK, description="Networks that may read /metrics, separated by commas"
    )
    rate_per_viewer: Annotated[NotNegative, Unit("cost a minute")] = Field(
        default=30_000,
        description="Most that one person may ask for: 1 an operation and 1 for every 100 rows "
        "by its page sizes; 0 for no limit",
    )
    rate_per_address: Annotated[NotNegative, Unit("cost a minute")] = Field(
        default=300_000, description="Most that one address may ask for; 0 for no limit"
    )
    rate_of_look_ups: Annotated[NotNegative, Unit("look-ups a minute")] = Field(
        default=60,
        description="Most customers and accounts that one person may look up by a complete value; "
        "0 for no limit",
    )
    rate_of_unauthenticated: Annotated[NotNegative, Unit("requests a minute")] = Field(
        default=600,
        description="Most requests without a valid token from one address; 0 for no limit",
    )
    persisted_query_seconds: Annotated[NotNegative, Unit("seconds")] = Field(
        default=604_800,
        description="How long a document that a client registered by its hash is kept in Redis; "
        "0 turns automatic persisted queries off",
    )
    trusted_documents: Paths = Field(
        default=(),
        description="Manifests of trusted documents, separated by commas: Apollo's persisted query "
        "manifests, or Relay's maps of ids and texts",
    )
    trusted_documents_only: Literal["nobody", "customers", "everyone"] = Field(
        default="nobody", description="Who may send nothing but trusted documents"
    )
    query_suggestions: bool = Field(
        default=False,
        description="Whether errors suggest the names that a misspelt document may have meant",
    )
    shutdown_seconds_max: Annotated[Positive, Unit("seconds")] = Field(
        default=20, description="Longest that running operations may go on when the server stops"
    )
    business_time_zone: TimeZone = Field(
        default="UTC", description="Time zone in which a business day of the bank is a calendar day"
    )
    test_clock: bool = Field(
        default=False,
        description="Whether `bank360 clock --to` may move the business date ahead of the calendar;"
        " never in a bank with real money",
    )
    idempotency_key_days: Annotated[Positive, Unit("days")] = Field(
        default=90,
        description="How long the outcome of a command is kept under its key; sent again later it"
        " would be carried out anew",
    )
    worker_batch: Annotated[Positive, Unit("accounts")] = Field(
        default=500, description="How many accounts one transaction of the worker takes"
    )
    worker_port: Port = Field(
        default=0,
        description="TCP port of the worker's /healthz and /metrics; 0 takes a free one",
    )
    worker_heartbeat_seconds: Annotated[Positive, Unit("seconds")] = Field(
        default=30, description="How long a worker may be silent before another takes its job over"
    )
    issuer: IssuerUrl | None = Field(
        default=None,
        description="OpenID Connect issuer whose tokens are accepted, exactly as they name it; "
        "without it the demo's own sign-in, on loopback only",
    )
    audience: str = Field(default="bank360", min_length=1, description="What tokens name in 'aud'")
    roles_claim: str = Field(
        default="roles", description="Claim with the roles of a token's holder"
    )
    role_claim: str = Field(
        default="role", description="Claim with the role to act in where the request names none"
    )
    staff_claim: str = Field(default="staff_id", description="Claim with a staff id or number")
    customer_claim: str = Field(
        default="customer_id", description="Claim with a customer id or number"
    )
    strong_acr: Texts = Field(
        default=("strong",), description="Values of 'acr' that are strong authentication"
    )
    strong_amr: Texts = Field(
        default=("mfa", "hwk", "swk", "otp"),
        description="Values of 'amr' that are strong authentication",
    )
    strong_seconds: Annotated[Positive, Unit("seconds")] = Field(
        default=3_600, description="How long a strong authentication counts, from 'auth_time' on"
    )
    introspection: Literal["everyone", "staff"] | None = Field(
        default=None,
        description="Who may ask for the schema: everyone, or staff; by default everyone in the "
        "demo and staff where an issuer is set",
    )
    graphiql_client_id: str | None = Field(
        default=None,
        description="GraphiQL's client id at the issuer; without it people paste a token",
    )
    graphiql_scope: str = Field(
        default="openid profile", description="Scope that GraphiQL asks the issuer for"
    )
    body_bytes_max: Annotated[Positive, Unit("bytes")] = Field(
        default=262_144, description="Largest request body"
    )
    query_tokens_max: Annotated[Positive, Unit("tokens")] = Field(
        default=2_000, description="Longest GraphQL document"
    )
    query_depth_max: Annotated[Positive, Unit("levels")] = Field(
        default=12, description="Deepest nesting of fields"
    )
    query_aliases_max: Annotated[Positive, Unit("aliases")] = Field(
        default=30, description="Most aliases in an operation"
    )
    query_root_fields_max: Annotated[Positive, Unit("fields")] = Field(
        default=20, description="Most root fields of an operation"
    )
    query_directives_max: Annotated[Positive, Unit("directives")] = Field(
        default=50, description="Most directives in an operation"
    )
    query_nodes_max: Annotated[Positive, Unit("rows")] = Field(
        default=20_000, description="Most rows an operation may ask for, by its page sizes"
    )
    query_cost_max: Annotated[Positive, Unit("cost")] = Field(
        default=1_000,
        description="Most that an operation may cost: 1, and 1 for every 100 rows by its page "
        "sizes and by @cost in the schema",
    )
    page_size_max: Annotated[Positive, Unit("nodes")] = Field(
        default=100, description="Largest page of a connection"
    )
    event_stream_keep_alive_seconds: Annotated[Positive, Unit("seconds")] = Field(
        default=12, description="Longest silence of an event stream (SSE) before a comment is sent"
    )
    websocket_connections_max: Annotated[Positive, Unit("connections")] = Field(
        default=2_000, description="Most WebSocket connections of one process"
    )
    websocket_connections_per_viewer_max: Annotated[Positive, Unit("connections")] = Field(
        default=20, description="Most WebSocket connections of one person to one process"
    )
    websocket_operations_max: Annotated[Positive, Unit("operations")] = Field(
        default=100, description="Most operations that one WebSocket connection runs at once"
    )
    websocket_init_seconds: Annotated[Positive, Unit("seconds")] = Field(
        default=3, description="Longest wait for the message connection_init, which has the token"
    )
    websocket_ping_seconds: Annotated[Positive, Unit("seconds")] = Field(
        default=20,
        description="Time between pings to WebSocket clients, and the longest wait for an answer",
    )
    subscriptions_max: Annotated[Positive, Unit("subscriptions")] = Field(
        default=10_000, description="Most subscriptions of one process"
    )
    subscriptions_per_viewer_max: Annotated[Positive, Unit("subscriptions")] = Field(
        default=100, description="Most subscriptions of one person to one process"
    )
    subscription_check_seconds: Annotated[Positive, Unit("seconds")] = Field(
        default=20,
        description="Longest time for which a silent subscription goes on after its token was "
        "revoked",
    )
    subscription_mark_seconds: Annotated[Positive, Unit("seconds")] = Field(
        default=300, description="Longest silence of a subscription before it tells its position"
    )
    event_retention_hours: Annotated[Positive, Unit("hours")] = Field(
        default=24, description="How old events are told to a subscriber who comes back"
    )
    event_replay_max: Annotated[Positive, Unit("positions")] = Field(
        default=100_000,
        description="Most positions that are read for a subscriber who comes back; events, and "
        "records of what was shown, take one each",
    )
    event_queue_max: Annotated[Positive, Unit("events")] = Field(
        default=256,
        description="Most events that wait in memory for one subscriber; who is slower is told "
        "from the database",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severe log lines that are written"
    )

    @classmethod
    def read(cls, **overrides: object) -> Self:
        """Read the environment; `overrides` (options of a command) come before it.

        Raises SettingsError with one line for each wrong value. Secrets are not repeated.
        """
        try:
            return cls(**overrides)  # type: ignore[arg-type]  # pydantic checks the values.
        except ValidationError as error:
            lines = []
            for problem in error.errors(include_url=False):
                name = variable_of(str(problem["loc"][0]))
                reason = problem["msg"].removeprefix("Value error, ")
                value = "" if is_secret(name) else f" {str(problem['input'])!r}:"
                lines.append(f"{name}{value} {reason[0].lower()}{reason[1:]}")
            raise SettingsError(lines) from None


@dataclass(frozen=True, slots=True)
class Described:
    """A setting for a person to read; the value of a secret is only `set` or `not set`."""

    variable: str
    value: str
    default: str
    unit: str
    description: str


def describe(settings: Settings) -> list[Described]:
    """Describe every setting: variable, value in force, default, unit, meaning."""
    described = []
    for name, field in Settings.model_fields.items():
        variable = variable_of(name)
        value = getattr(settings, name)
        shown = "not set" if value is None else _shown(value)
        if is_secret(variable) and value is not None:
            shown = "set"
        units = [unit.name for unit in field.metadata if isinstance(unit, Unit)]
        described.append(
            Described(
                variable=variable,
                value=shown,
                default="" if field.default is None else _shown(field.default),
                unit=units[0] if units else "",
                description=field.description or "",
            )
        )
    return described


def _shown(value: object) -> str:
    """Write a value as the variable would have it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def variable_of(name: str) -> str:
    """Return the environment variable of a field, given its name or its alias."""
    field = Settings.model_fields.get(name)
    if field is None:
        return name
    return str(field.validation_alias or f"{PREFIX}{name.upper()}")


def is_secret(variable: str) -> bool:
    """Say whether a variable's value must not be shown."""
    secrets = {DatabaseUrl, RedisUrl, MasterKey, IndexKey}
    return variable in {
        variable_of(name)
        for name, field in Settings.model_fields.items()
        if not secrets.isdisjoint(get_args(field.annotation))
    }


def unknown_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return one line for each variable that has our prefix and is no setting."""
    known = [variable_of(name) for name in Settings.model_fields]
    lines = []
    for variable in sorted(environment):
        if variable.upper().startswith(PREFIX) and variable.upper() not in known:
            near = difflib.get_close_matches(variable.upper(), known, n=1)
            lines.append(
                f"{variable} is not a setting" + (f"; did you mean {near[0]}?" if near else "")
            )
    return lines
