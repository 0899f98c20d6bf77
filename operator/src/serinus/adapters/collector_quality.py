"""Losses against labels from the collector (port QualitySource)."""

import asyncio
from pathlib import Path
from typing import Final, TypeVar

import httpx
from pydantic import ValidationError

from serinus.core.errors import QualityUnavailable
from serinus.core.quality import CompareQuestion, Comparison, Question, Watched, WatchQuestion
from serinus.ports import Key

TIMEOUT_SECONDS: Final = 10.0
SHOWN: Final = 300  # characters of what the collector says of an error

Answer = TypeVar("Answer", Comparison, Watched)


class CollectorQuality:
    """Implements serinus.ports.QualitySource by asking the collector at `url` over HTTP.

    `token_file` has the bearer token, and is read at each question, so a new token counts at once; empty: none is sent.
    """

    def __init__(self, url: str, *, token_file: str = "", timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._url = url.rstrip("/")
        self._token_file = token_file
        self._timeout_seconds = timeout_seconds
        self._client = httpx.AsyncClient(timeout=timeout_seconds, trust_env=False)

    async def compare(self, key: Key, question: CompareQuestion) -> Comparison:
        """Candidate against stable by cohort. Raises QualityUnavailable."""
        return await self._ask(key, "comparison", question, Comparison)

    async def watch(self, key: Key, question: WatchQuestion) -> Watched:
        """One revision's losses by cohort. Raises QualityUnavailable."""
        return await self._ask(key, "quality", question, Watched)

    async def close(self) -> None:
        """End all connections."""
        await self._client.aclose()

    async def _ask(self, key: Key, what: str, question: Question, kind: type[Answer]) -> Answer:
        url = f"{self._url}/v1/deployments/{key.namespace}/{key.name}/{what}"
        content = await self._post(url, question.model_dump_json(by_alias=True))
        try:
            return kind.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the whole"
            raise QualityUnavailable(
                f"{url} answered what is no {kind.__name__} ({where}: {first['msg']}); check that this is the address of a "
                "collector of this release"
            ) from error

    async def _post(self, url: str, content: str) -> bytes:
        headers = {b"content-type": b"application/json"} | self._token()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answer = await self._client.post(url, content=content, headers=headers)
        except (httpx.HTTPError, TimeoutError) as error:
            reason = str(error) or f"no answer within {self._timeout_seconds:g} s"
            raise QualityUnavailable(f"the collector at {self._url} cannot be asked: {reason}") from error
        except httpx.InvalidURL as error:
            raise QualityUnavailable(f"{self._url} is no address of a collector: {error}") from error
        if not answer.is_success:
            said = answer.text.strip()[:SHOWN] or "nothing more"
            raise QualityUnavailable(f"{url} answered {answer.status_code}: {said}")
        return answer.content

    def _token(self) -> dict[bytes, bytes]:
        if not self._token_file:
            return {}
        try:
            token = Path(self._token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise QualityUnavailable(
                f"the token for the collector at {self._url} cannot be read from {self._token_file}: {error}"
            ) from error
        if not token or not token.isprintable():  # the client's own error would show it
            raise QualityUnavailable(
                f"the token for the collector at {self._url} cannot be sent; write one line of text into {self._token_file}"
            )
        return {b"authorization": f"Bearer {token}".encode()}
