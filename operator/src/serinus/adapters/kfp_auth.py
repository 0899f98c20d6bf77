"""How Kubeflow Pipelines is reached, and as whom: from the environment, never from the command line."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from serinus.core.errors import PipelinesRefused

# Where the kubelet projects a token for the audience pipelines.kubeflow.org, and keeps it fresh.
PROJECTED_TOKEN = Path("/var/run/secrets/kubeflow/pipelines/token")
TIMEOUT_SECONDS = 30


class Credentials(Protocol):
    """Who asks."""

    @property
    def told(self) -> str:
        """What it is, without what is secret of it."""
        ...

    def header(self) -> str:
        """The Authorization header; empty for none. Raises PipelinesRefused."""
        ...


@dataclass(frozen=True)
class Nobody:
    """No credentials: a server that asks for none, or a port-forward to it."""

    told: str = "a request without credentials"

    def header(self) -> str:
        """Nothing."""
        return ""


@dataclass(frozen=True)
class ExistingToken:
    """A token that somebody else got."""

    token: str = field(repr=False)
    told: str = "the token of KFP_TOKEN"

    def header(self) -> str:
        """The token as bearer."""
        return f"Bearer {self.token}"


@dataclass(frozen=True)
class TokenFile:
    """The token of a service account, read anew for each request because the kubelet renews it."""

    path: Path

    @property
    def told(self) -> str:
        """The file's name."""
        return f"the token in {self.path}"

    def header(self) -> str:
        """What the file holds now, as bearer."""
        try:
            token = self.path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise PipelinesRefused(f"{self.told} cannot be read ({error}); correct KFP_TOKEN_FILE") from error
        if not token:
            raise PipelinesRefused(f"{self.told} is empty; mount a token there or correct KFP_TOKEN_FILE")
        return f"Bearer {token}"


@dataclass(frozen=True)
class Basic:
    """User and password."""

    user: str
    password: str = field(repr=False)

    @property
    def told(self) -> str:
        """The user's name."""
        return f'user "{self.user}" of KFP_USERNAME'

    def header(self) -> str:
        """Both, as HTTP's basic authentication has it."""
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


@dataclass(frozen=True)
class KfpSettings:
    """One Kubeflow Pipelines. `namespace` is that of the runs, where it serves many; `ui`: the dashboard's address."""

    host: str
    namespace: str = ""
    ui: str = ""
    service_account: str = ""
    ca_file: str = ""
    timeout_seconds: int = TIMEOUT_SECONDS
    credentials: Credentials = field(default_factory=Nobody)


def settings_from(environment: Mapping[str, str], host: str, namespace: str = "") -> KfpSettings:
    """The settings of `environment` (KFP_...) for the server at `host`. Raises PipelinesRefused, saying what to correct."""
    parts = urlsplit(host)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise PipelinesRefused(
            f'"{host.rpartition("@")[2]}" is not the address of Kubeflow Pipelines; '
            "write it as http://HOST:PORT or https://HOST, and give credentials by KFP_USERNAME and KFP_PASSWORD"
        )
    ca_file = environment.get("KFP_CA_FILE", "")
    if ca_file and not Path(ca_file).is_file():
        raise PipelinesRefused(f"KFP_CA_FILE names {ca_file}, which is not there; correct it")
    return KfpSettings(
        host=host.rstrip("/"),
        namespace=namespace,
        ui=(environment.get("KFP_UI_HOST") or host).rstrip("/"),
        service_account=environment.get("KFP_SERVICE_ACCOUNT", ""),
        ca_file=ca_file,
        timeout_seconds=_seconds(environment.get("KFP_TIMEOUT_SECONDS", "")),
        credentials=_credentials(environment),
    )


def _credentials(environment: Mapping[str, str]) -> Credentials:
    """The first that is there: an existing token, user and password, a token file, the projected token."""
    if token := environment.get("KFP_TOKEN", "").strip():
        return ExistingToken(token)
    user, password = environment.get("KFP_USERNAME", ""), environment.get("KFP_PASSWORD", "")
    if bool(user) != bool(password):
        raise PipelinesRefused("KFP_USERNAME and KFP_PASSWORD belong together; set both or neither")
    if user:
        return Basic(user, password)
    if named := environment.get("KFP_TOKEN_FILE", ""):
        return TokenFile(Path(named))
    return TokenFile(PROJECTED_TOKEN) if PROJECTED_TOKEN.is_file() else Nobody()


def _seconds(text: str) -> int:
    if text and not (text.isdecimal() and int(text) > 0):
        raise PipelinesRefused(f'KFP_TIMEOUT_SECONDS is "{text}"; write whole seconds above 0')
    return int(text or TIMEOUT_SECONDS)
