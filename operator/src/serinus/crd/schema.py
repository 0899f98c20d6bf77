"""The JSON schemas that pydantic makes of the models, with every default as it is written in YAML."""

from datetime import timedelta
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, NoDefault
from pydantic_core.core_schema import WithDefaultSchema

from serinus.core.spec import format_duration

Json = dict[str, Any]


class _WithDefaults(GenerateJsonSchema):
    """Writes durations as `10m`, models as maps, and also the defaults that a factory makes."""

    def get_default_value(self, schema: WithDefaultSchema) -> Any:
        if "default_factory" in schema:
            return schema["default_factory"]()  # type: ignore[call-arg]  # no factory of ours takes the data
        return schema.get("default", NoDefault)

    def encode_default(self, dft: Any) -> Any:
        return _as_written(dft)


class _WithoutDefaults(GenerateJsonSchema):
    def get_default_value(self, schema: WithDefaultSchema) -> Any:
        return NoDefault


def schema_of(model: type[BaseModel], *, defaults: bool = True) -> Json:
    """The JSON schema of what is read as `model`, with `$defs`."""
    return model.model_json_schema(schema_generator=_WithDefaults if defaults else _WithoutDefaults)


def _as_written(value: Any) -> Any:
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, tuple | list):
        return [_as_written(item) for item in value]
    return value
