"""Who may ask the collector: whoever has the token, or without one, who is on the same machine.

A comparison makes the collector send requests to addresses that the question names, and losses say how good a model is.
"""

import ipaddress
import logging
from pathlib import Path
from typing import Final

from starlette.requests import Request

from serinus.collector.settings import CollectorSettings
from serinus.core.bearer import bears
from serinus.core.errors import SerinusError

log = logging.getLogger("serinus.collector")

NO_TOKEN: Final = (
    "no token was set up, so questions are answered only where the collector listens on a loopback address; give one to it "
    "and to the operator (collector.token.existingSecret of the chart, else SERINUS_COLLECTOR_TOKEN_FILE)"
)


class TokenWrong(SerinusError):
    """A question without the token, or with another one."""


class TokenMissing(SerinusError):
    """A question from who knows where to a collector that knows no token."""


class Admission:
    """Lets questions in. The token's file is read at each one, so a new token counts at once."""

    def __init__(self, settings: CollectorSettings) -> None:
        self._file = settings.token_file
        self._open = not self._file and _is_loopback(settings.host)
        if not self._file and not self._open:
            log.warning("%s", NO_TOKEN)

    def check(self, request: Request) -> None:
        """Raises TokenWrong, TokenMissing."""
        if self._open:
            return
        token = self._token()
        if not token:
            raise TokenMissing(NO_TOKEN)
        if not bears(request.headers.get("authorization", "").encode("latin-1"), token):
            raise TokenWrong("the token is missing or wrong; send it as Authorization: Bearer TOKEN")

    def _token(self) -> str:
        if not self._file:
            return ""
        try:
            return Path(self._file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            log.warning("the token of questions cannot be read: %s", error)
            return ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
