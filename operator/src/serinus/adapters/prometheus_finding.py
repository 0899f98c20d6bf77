"""PromQL that finds the requests of some deployments, and which of their revisions a series is about."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from serinus.adapters.prometheus_templates import ByBackend, ByPod, Template
from serinus.ports import Key

PART: Final = "serinus_part"
REQUESTS, LATENCY, STARTED, SCRAPED = "requests", "latency", "started", "scraped"
TARGET: Final = ("job", "instance")
START_TIME: Final = "process_start_time_seconds"

Backends = Callable[[Key], Mapping[str, str]]
"""The Services that take a deployment's requests, by name, with the revision of each."""


@dataclass(frozen=True)
class Finding:
    """How series of some deployments are asked for and told apart."""

    template: Template
    keys: tuple[Key, ...]
    backends: Backends

    def promql(self) -> str:
        """One expression for all of it; each row says by the label PART what it is."""
        template, labels = self.template, self._labels
        counted = self._selected(template.requests or template.latency)
        parts = {
            SCRAPED: f"max by ({', '.join(TARGET)}) (timestamp({counted}))",
            STARTED: f"max by ({', '.join(TARGET)}) ({START_TIME} and on ({', '.join(TARGET)}) {counted})",
        }
        if template.requests:
            parts[REQUESTS] = f"sum by ({', '.join((*TARGET, *labels, template.code))}) ({counted})"
        if template.latency:
            parts[LATENCY] = f"sum by ({', '.join((*TARGET, *labels, 'le'))}) ({self._selected(template.latency)})"
        return together(parts)

    def owner(self, labels: Mapping[str, str]) -> tuple[Key, str] | None:
        """The deployment and the revision that a row counts; None if it is about neither."""
        found = self.template.found
        if isinstance(found, ByBackend):
            return self._backend(labels.get(found.label, ""))
        namespace, name = labels.get(found.namespace, ""), labels.get(found.deployment, "")
        if not found.namespace:
            namespace, _, name = name.partition("/")
        return Key(namespace, name), labels.get(found.revision, "")

    @property
    def _labels(self) -> tuple[str, ...]:
        found = self.template.found
        if isinstance(found, ByBackend):
            return (found.label,)
        return tuple(filter(None, (found.namespace, found.deployment, found.revision)))

    def _selected(self, metric: str) -> str:
        return f"{metric}{{{', '.join(filter(None, (self._matcher(), self.template.matchers)))}}}"

    def _matcher(self) -> str:
        found = self.template.found
        if isinstance(found, ByBackend):
            return matching(found.label, self._patterns)
        if not found.namespace:
            return matching(found.deployment, (re.escape(str(key)) for key in self.keys))
        namespaces = matching(found.namespace, {re.escape(key.namespace) for key in self.keys})
        return f"{namespaces}, {matching(found.deployment, {re.escape(key.name) for key in self.keys})}"

    @cached_property
    def _patterns(self) -> dict[str, tuple[Key, str]]:
        found = self.template.found
        if isinstance(found, ByPod):
            return {}
        return {
            found.pattern.replace("{namespace}", re.escape(key.namespace)).replace("{service}", re.escape(service)): (
                key,
                one,
            )
            for key in self.keys
            for service, one in self.backends(key).items()
        }

    def _backend(self, value: str) -> tuple[Key, str] | None:
        return next((owner for pattern, owner in self._patterns.items() if re.fullmatch(pattern, value)), None)


def together(parts: Mapping[str, str]) -> str:
    """Several expressions as one, so that they are answered from one state of the storage."""
    return " or ".join(f'label_replace({one}, "{PART}", "{name}", "", "")' for name, one in parts.items())


def matching(label: str, patterns: Iterable[str]) -> str:
    """A matcher for any of some regular expressions; without any it matches nothing."""
    return f"{label}=~{quoted('|'.join(sorted(patterns)) or 'no such thing')}"


def quoted(text: str) -> str:
    """A PromQL string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
