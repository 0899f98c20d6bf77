"""The chart's values, their schema and the operator's settings say the same."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from serinus.collector.settings import CollectorSettings
from serinus.kubernetes.settings import OperatorSettings
from tests.charts.rendered import CHART, ROOT

VALUES = (CHART / "values.yaml").read_text(encoding="utf-8")
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
# What a pod is given otherwise: by other values, by the chart itself, or by Kubernetes.
NOT_VALUES = {
    "namespaces", "kubeconfig", "context", "lease", "lease_name", "lease_namespace", "identity",
    "listen_host", "listen_port", "prometheus_password", "prometheus_token", "events_token_file",
    "collector_token_file",
}  # fmt: skip
# What the chart sets itself, or takes from a Secret.
NOT_COLLECTOR_VALUES = {"database", "log_root", "host", "port", "token_file", "hash_key"}
LIMITS = ("minimum", "maximum", "exclusiveMinimum")
COLLECTOR_DEFAULT = re.compile(r"^    (?:# )?(\w+): (.*)$", re.MULTILINE)
DEFAULT = re.compile(r"^  (?:# )?(\w+): (.*)$", re.MULTILINE)


def schema_of(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema, with a reference followed."""
    reference = part.get("$ref", "")
    return SCHEMA["$defs"][reference.removeprefix("#/$defs/")] if reference else part


def settings_in_values() -> dict[str, Any]:
    """The settings with the defaults that values.yaml shows, also in comments."""
    section = VALUES.partition("\nsettings:\n")[2].partition("\n\n")[0]
    return {name: yaml.safe_load(value) for name, value in DEFAULT.findall(section)}


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def test_every_setting_of_the_operator_can_be_given_and_its_default_is_shown() -> None:
    settings = OperatorSettings.model_fields
    wanted = {camel(name): field.default for name, field in settings.items() if name not in NOT_VALUES}
    assert settings_in_values() == {name: "" if default == () else default for name, default in wanted.items()}


def test_the_schema_knows_every_setting() -> None:
    assert SCHEMA["properties"]["settings"]["properties"].keys() == settings_in_values().keys()


def collector_settings_in_values() -> dict[str, Any]:
    """As settings_in_values, of the collector."""
    section = VALUES.partition("\ncollector:\n")[2].partition("\n  settings:\n")[2].partition("\n  # -- Further")[0]
    return {name: yaml.safe_load(value) for name, value in COLLECTOR_DEFAULT.findall(section)}


def test_every_setting_of_the_collector_can_be_given_and_its_default_is_shown() -> None:
    shown = collector_settings_in_values()
    settings = CollectorSettings.model_fields.keys()
    assert shown.keys() == {camel(name) for name in settings if name not in NOT_COLLECTOR_VALUES}
    given = {name: shown[camel(name)] for name in settings if camel(name) in shown}
    assert CollectorSettings(_cli_parse_args=[], **given) == CollectorSettings(_cli_parse_args=[])


def test_the_schema_knows_every_setting_of_the_collector_and_its_limits() -> None:
    schema = SCHEMA["properties"]["collector"]["properties"]["settings"]["properties"]
    assert schema.keys() == collector_settings_in_values().keys()
    fields = CollectorSettings.model_json_schema()["properties"]
    for name, part in schema.items():
        snake = re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", name)
        field = {limit: fields[snake].get(limit) for limit in LIMITS}
        assert {limit: schema_of(part).get(limit) for limit in LIMITS} == field, name


@pytest.mark.parametrize("name", ["workers", "requestsInFlight", "relistSeconds", "drainSeconds", "leaseRetrySeconds"])
def test_the_schema_has_the_limits_of_the_settings(name: str) -> None:
    setting = OperatorSettings.model_json_schema(by_alias=False)["properties"]
    snake = re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", name)
    chart = schema_of(SCHEMA["properties"]["settings"]["properties"][name])
    assert {limit: chart.get(limit) for limit in LIMITS} == {limit: setting[snake].get(limit) for limit in LIMITS}


def test_every_value_has_a_schema_and_every_schema_a_value() -> None:
    assert not sorted(differences(yaml.safe_load(VALUES), SCHEMA, ""))


def differences(values: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> set[str]:
    """Names that only one of the two has. Maps whose keys are the user's own are not looked into."""
    schema = schema_of(schema)
    known = schema.get("properties")
    if known is None or path in (".settings", ".collector.settings"):
        return set()
    found = {f"{path}.{name}" for name in values.keys() ^ (known.keys() - {"global"})}
    for name in values.keys() & known.keys():
        if isinstance(values[name], dict):
            found |= differences(values[name], known[name], f"{path}.{name}")
    return found


def test_an_object_of_the_schema_refuses_what_it_does_not_know() -> None:
    open_objects = [path for path, part in objects(SCHEMA, "") if "properties" in part and path != ".$defs.env.items"]
    assert open_objects
    assert all(part.get("additionalProperties") is False for path, part in objects(SCHEMA, "") if path in open_objects)


def objects(part: Any, path: str) -> list[tuple[str, dict[str, Any]]]:
    """Every object schema with its path."""
    if not isinstance(part, dict):
        return []
    own = [(path, part)] if part.get("type") == "object" else []
    return own + [found for name, inner in part.items() for found in objects(inner, f"{path}.{name}")]


def test_chart_package_and_images_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {chart["version"], chart["appVersion"]} == {project["version"]}
