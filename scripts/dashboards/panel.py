"""Grafana's panels as values: what is asked, and how it is drawn. The JSON is of schema version 39 (Grafana 10.4 and newer)."""

from dataclasses import dataclass, field
from typing import Any

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
GREEN, YELLOW, RED, BLUE, GREY = "green", "yellow", "red", "blue", "text"
LETTERS = "ABCDEFGHIJ"

Json = dict[str, Any]
Steps = tuple[tuple[float | None, str], ...]
"""Colours from a value on; the first has no value."""

PLAIN: Steps = ((None, BLUE),)
BAD_FROM_1: Steps = ((None, GREEN), (1, RED))


@dataclass(frozen=True)
class Ask:
    """A query, and how its series are called. `instant`: only the newest value is wanted."""

    promql: str
    legend: str = ""
    instant: bool = False


@dataclass(frozen=True)
class Panel:
    """One panel, `width` of 24 columns wide. `more` is merged over the field options, `options` over the panel's own."""

    kind: str
    title: str
    about: str
    asks: tuple[Ask, ...]
    unit: str = "short"
    width: int = 12
    height: int = 8
    steps: Steps = PLAIN
    custom: Json = field(default_factory=dict)
    more: Json = field(default_factory=dict)
    options: Json = field(default_factory=dict)
    overrides: tuple[Json, ...] = ()
    transformations: tuple[Json, ...] = ()
    links: tuple[Json, ...] = ()

    def json(self, place: int, x: int, y: int) -> Json:
        """As Grafana reads it; `place` is its id."""
        return {
            "id": place,
            "type": self.kind,
            "title": self.title,
            "description": self.about,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [_target(letter, ask, self.kind) for letter, ask in zip(LETTERS, self.asks, strict=False)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": list(self.overrides)},
            "options": self.options,
            "transformations": list(self.transformations),
            "links": list(self.links),
        }

    def _defaults(self) -> Json:
        steps = [{"value": value, "color": colour} for value, colour in self.steps]
        drawn = {"unit": self.unit, "custom": self.custom, "color": {"mode": "thresholds"}}
        return drawn | {"thresholds": {"mode": "absolute", "steps": steps}} | self.more


def lines(title: str, about: str, *asks: Ask, unit: str = "short", limit: float | None = None, **changes: Any) -> Panel:
    """Values over time. `limit` is drawn as a dashed line."""
    custom = {"lineWidth": 2, "fillOpacity": 8, "showPoints": "never", "spanNulls": False}
    custom |= {"thresholdsStyle": {"mode": "dashed" if limit is not None else "off"}}
    custom |= changes.pop("custom", {})
    more = {"color": {"mode": "palette-classic"}, "min": 0} | changes.pop("more", {})
    steps: Steps = PLAIN if limit is None else ((None, GREEN), (limit, RED))
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return Panel(
        "timeseries", title, about, asks, unit, steps=steps, custom=custom, more=more, options=options, **changes
    )


def number(title: str, about: str, ask: Ask, unit: str = "short", steps: Steps = PLAIN, **changes: Any) -> Panel:
    """One number, coloured by its thresholds."""
    return Panel(
        "stat", title, about, (ask,), unit, steps=steps, options=_stat("value"), **({"width": 4, "height": 4} | changes)
    )


def word(title: str, about: str, ask: Ask, **changes: Any) -> Panel:
    """What a series is called, as in a phase or a version."""
    return Panel("stat", title, about, (ask,), options=_stat("name"), **({"width": 4, "height": 4} | changes))


def bars(title: str, about: str, ask: Ask, unit: str = "short", steps: Steps = PLAIN, **changes: Any) -> Panel:
    """The newest value of each series as a bar."""
    options = {"displayMode": "basic", "orientation": "horizontal", "reduceOptions": {"calcs": ["lastNotNull"]}}
    more = {"min": 0} | changes.pop("more", {})
    return Panel("bargauge", title, about, (ask,), unit, steps=steps, more=more, options=options, **changes)


def bands(title: str, about: str, *asks: Ask, **changes: Any) -> Panel:
    """When each series was there, as bands over time."""
    options = {
        "mergeValues": True,
        "showValue": "never",
        "rowHeight": 0.8,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
    }
    return Panel("state-timeline", title, about, asks, custom={"fillOpacity": 70}, options=options, **changes)


def table(title: str, about: str, columns: tuple[tuple[Ask, str], ...], **changes: Any) -> Panel:
    """The series of several queries, joined by their labels: each query's values are a column of the given name.

    Where the name is empty, the query is there for its labels alone.
    """
    asks = tuple(ask for ask, _ in columns)
    names = {f"Value #{letter}": name for letter, (_, name) in zip(LETTERS, columns, strict=False)}
    return Panel(
        "table", title, about, asks, options={"showHeader": True, "cellHeight": "sm"},
        custom={"align": "auto", "filterable": True}, transformations=_joined(names), **({"width": 24} | changes),
    )  # fmt: skip


def _joined(names: Json) -> tuple[Json, ...]:
    hidden = {"Time": True, **{column: True for column, name in names.items() if not name}}
    names = {column: name for column, name in names.items() if name}
    return (
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": hidden, "renameByName": names, "indexByName": {}}},
    )


def _stat(text: str) -> Json:
    reduce = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    return {
        "textMode": text,
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "center",
        "reduceOptions": reduce,
    }


def _target(letter: str, ask: Ask, kind: str) -> Json:
    shape = "table" if kind == "table" else "time_series"
    when = {"instant": ask.instant, "range": not ask.instant, "format": shape}
    return {
        "refId": letter,
        "datasource": DATASOURCE,
        "expr": ask.promql,
        "legendFormat": ask.legend or "__auto",
    } | when
