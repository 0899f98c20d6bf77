"""What the operator is told, by flags and by environment variables."""

import socket
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Names = Annotated[tuple[str, ...], NoDecode]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
TemplateName = Literal["serinus", "kserve", "knative", "knative-1.18", "traefik", "istio", "envoy", "none"]


class OperatorSettings(BaseSettings):
    """Run the operator: roll out what the ModelDeployments of a cluster ask for, until SIGTERM.

    Every flag is an environment variable too: --relist-seconds is SERINUS_RELIST_SECONDS. A flag wins.

    Exit codes: 0 done (stopped by SIGTERM) · 2 wrong usage · 3 it could not go on; the log says why.
    """

    model_config = SettingsConfigDict(
        env_prefix="SERINUS_",
        cli_prog_name="serinus operator",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        frozen=True,
    )

    namespaces: Names = Field(default=(), description="Namespaces to serve, separated by commas; all where empty.")
    kubeconfig: str = Field(
        default="", description="File with the cluster's address; in a pod the service account, else KUBECONFIG."
    )
    context: str = Field(default="", description="Context of the kubeconfig; its current one where empty.")
    workers: int = Field(default=32, ge=1, le=256, description="ModelDeployments that are reconciled at the same time.")
    requests_in_flight: int = Field(default=32, ge=1, le=64, description="Most API requests under way at a time.")
    relist_seconds: Seconds = Field(
        default=300.0, description="How often every object is listed, to find what a watch has missed."
    )
    discovery_seconds: Seconds = Field(
        default=30.0, description="How often the cluster is asked which of the needed kinds it has."
    )
    checkpoint_seconds: Seconds = Field(
        default=60.0, description="How often evidence is saved in a status that has not changed otherwise."
    )
    lease: bool = Field(default=True, description="Let one replica work and the others stand by, by a Lease.")
    lease_name: str = Field(default="serinus-operator", min_length=1, description="Name of the Lease.")
    lease_namespace: str = Field(
        default="", description="Namespace of the Lease; the operator's own (or `default` outside a pod) where empty."
    )
    lease_duration_seconds: Seconds = Field(default=10.0, description="How long a leader that is silent stays leader.")
    lease_renew_seconds: Seconds = Field(default=3.0, description="How often the leader renews the Lease.")
    lease_retry_seconds: Seconds = Field(default=2.0, description="How often a replica standing by looks at the Lease.")
    identity: str = Field(default_factory=socket.gethostname, description="Name of this replica; a pod's is its name.")
    stop_seconds: Seconds = Field(default=20.0, description="How long work under way may take to end after SIGTERM.")
    registry_uri: str = Field(
        default="", description="MLflow tracking server; without one, models are given by `spec.model.uri`."
    )
    registry_poll_seconds: Annotated[float, Field(ge=1, le=600)] = Field(
        default=30.0, description="How often the registry is asked where the alias of a model points."
    )
    kfp_host: str = Field(
        default="", description="API of Kubeflow Pipelines, which runs retraining; none is retrained where empty."
    )
    kfp_namespace: str = Field(default="", description="Namespace of the runs, where Kubeflow Pipelines serves many.")
    snapshots: str = Field(default="", description="Where runs keep snapshots, as in s3://bucket/snapshots.")
    training_runs: int = Field(
        default=4, ge=1, le=1000, description="Most retraining runs under way, over all ModelDeployments."
    )
    events_token_file: str = Field(
        default="", description="File with the bearer token for POST /v1/events; no event is taken where empty."
    )
    default_mode: Literal["Standard", "Knative"] = Field(
        default="Standard", description="What mode Auto means where the cluster could serve both ways."
    )
    gateway: str = Field(
        default="",
        pattern="^([a-z0-9.-]+/[a-z0-9.-]+)?$",
        description="Gateway (namespace/name) for ModelDeployments that name none, in mode Standard.",
    )
    gateway_copies: Literal["ask", "never", "whole", "shares"] = Field(
        default="ask",
        description="What gateways can copy, for BlueGreen and Shadow: ask (their GatewayClass lists it), never, whole "
        "(every request or none) or shares.",
    )
    domain: str = Field(
        default="",
        description="ModelDeployments without a host name get <name>.<namespace>.<domain>, in mode Standard.",
    )
    scheme: Literal["http", "https"] = Field(default="http", description="How clients reach the gateway.")
    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=5.0, description="How long a revision without traffic runs on before it is deleted."
    )
    gateway_metrics_url: Names = Field(
        default=(),
        description="Metrics of the gateway that splits the requests (Traefik), several separated by commas; each "
        "address of a host is asked. Without any, requests are counted by the predictors themselves.",
    )
    collector_url: str = Field(
        default="",
        pattern="^(https?://[^/?#]+)?/?$",
        description="Collector that predictors tell of their answers and that is asked about quality; none where empty.",
    )
    collector_token_file: str = Field(
        default="", description="File with the bearer token that the collector asks for; none is sent where empty."
    )
    prometheus_url: str = Field(
        default="",
        pattern="^(https?://.+)?$",
        description="Prometheus that is asked for requests, rows by bin and the values of Query signals.",
    )
    prometheus_template: TemplateName = Field(
        default="serinus",
        description="Which counters of requests it is asked for; `none`: requests are counted as without Prometheus.",
    )
    prometheus_username: str = Field(default="", description="For basic authentication.")
    prometheus_password: SecretStr = Field(default=SecretStr(""), description="Of the same; set it by the environment.")
    prometheus_token: SecretStr = Field(default=SecretStr(""), description="Bearer token; set it by the environment.")
    prometheus_token_file: str = Field(default="", description="File with the bearer token, read for each query.")
    prometheus_ca_file: str = Field(
        default="", description="Certificates that its certificate is checked by; the system's where empty."
    )
    prometheus_timeout_seconds: Annotated[float, Field(gt=0, le=120)] = Field(
        default=10.0, description="How long an answer may take."
    )
    prometheus_stale_seconds: Seconds = Field(
        default=90.0, description="How long ago a pod may have been scraped; three of its intervals or more."
    )
    listen_host: str = Field(default="0.0.0.0", description="Address of /metrics, /healthz, /readyz and /v1/events.")  # noqa: S104
    listen_port: int = Field(default=8080, ge=0, le=65_535, description="Port of the same; 0 takes a free one.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Least level logged.")
    log_format: Literal["json", "text"] = Field(default="json", description="One JSON object a line, or plain text.")

    @field_validator("namespaces", "gateway_metrics_url", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("prometheus_url")
    @classmethod
    def _has_a_port_that_can_be(cls, value: str) -> str:
        urlsplit(value).port  # noqa: B018  it raises a ValueError that says so
        return value

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        given = (self.prometheus_username, self.prometheus_token.get_secret_value(), self.prometheus_token_file)
        if len(list(filter(None, given))) > 1:
            raise ValueError(
                "prometheus_username, prometheus_token and prometheus_token_file exclude each other; give one"
            )
        if self.prometheus_url and self.gateway_metrics_url and self.prometheus_template != "none":
            raise ValueError(
                "gateway_metrics_url and prometheus_url both say who counts requests; "
                "leave one out, or set prometheus_template to none"
            )
        return self

    @model_validator(mode="after")
    def _lease_can_be_renewed(self) -> Self:
        if self.lease_renew_seconds * 2 > self.lease_duration_seconds:
            raise ValueError(
                f"lease_renew_seconds {self.lease_renew_seconds:g} leaves no time for a second try within "
                f"lease_duration_seconds {self.lease_duration_seconds:g}; make it at most half of that"
            )
        return self
