"""What is left out of features, or hashed, before anything is stored."""

import hashlib
import hmac
from collections.abc import Mapping

import orjson

from serinus.collector.settings import CollectorSettings

Scalar = bool | int | float | str | None
SHOWN_HEX = 32  # 128 bits


class Privacy:
    """Drops columns and hashes others with a key: equal values stay equal, and nobody without the key can test a guess."""

    def __init__(self, settings: CollectorSettings) -> None:
        self._dropped = frozenset(settings.drop_columns)
        self._hashed = frozenset(settings.hash_columns) - self._dropped
        self._key = settings.hash_key.get_secret_value().encode()

    @property
    def columns(self) -> frozenset[str]:
        """Features that are not kept as they came: rows with these cannot be scored again."""
        return self._dropped | self._hashed

    def kept(self, features: Mapping[str, Scalar]) -> Mapping[str, Scalar]:
        """What may be stored of `features`. A missing value stays missing."""
        if self.columns.isdisjoint(features):
            return features
        return {
            name: self._hash(value) if name in self._hashed and value is not None else value
            for name, value in features.items()
            if name not in self._dropped
        }

    def _hash(self, value: Scalar) -> str:
        return hmac.new(self._key, _canonical(value), hashlib.sha256).hexdigest()[:SHOWN_HEX]


def _canonical(value: Scalar) -> bytes:
    """1 and 1.0 are the same number, and "1" is not."""
    return orjson.dumps(int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value)
