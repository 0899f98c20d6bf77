"""The story: the chart is installed, a version replaces another, a bad one is taken back. Told by commands and their output.

What is shown is never taken for true: each chapter ends when the API server says so by the official client, not by kubectl.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from serinus.core.state import Outcome, Phase, RolloutRecord
from tests.charts.rendered import CHART
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.layout import REPOSITORY
from tests.cluster.demo import traffic as clients
from tests.cluster.demo.registry import URL as REGISTRY_URL
from tests.cluster.demo.registry import Registry
from tests.cluster.demo.traffic import REQUESTS_FILE, Answer, Traffic
from tests.cluster.demo.typed import DemoFailed, Typist
from tests.cluster.looking import Look, eventually

NAME: Final = "flight-delay"
NAMESPACE: Final = "models"
OBJECT: Final = ("serinus.dev", "v1alpha1", NAMESPACE, "modeldeployments", NAME)
HOST: Final = f"{NAME}.{NAMESPACE}.example.com"
FILE: Final = "modeldeployment.yaml"
ALIAS: Final = "champion"
TEMPLATE: Final = Path(__file__).with_name(FILE)
REQUESTS_PER_SECOND: Final = 40.0
ROLLOUT_SECONDS: Final = 150.0
REFUSED: Final = 400
REFUSAL: Final = "expected a number, got null"
AFTERWARDS: Final = 100  # requests that are looked at when all is over
SETTINGS: Final = (
    "settings.gateway=kserve/kserve-ingress-gateway",
    "settings.domain=example.com",
    "settings.gatewayMetricsUrl=http://traefik.traefik:9100/metrics",
    f"settings.registryUri={REGISTRY_URL}",
    "storageInitializer.install=true",
)


@dataclass
class Stage:
    """What the story works with. `say`: a line of the story. `revisions`: the version of the model, by revision."""

    cluster: Cluster
    look: Look
    typist: Typist
    folder: Path
    say: Callable[[str], None]
    traffic: Traffic
    registry: Registry
    revisions: dict[str, str] = field(default_factory=dict)
    records: tuple[RolloutRecord, ...] = ()

    def status(self) -> dict[str, Any]:
        """What the operator says, as the API server has it."""
        status: dict[str, Any] = self.look.custom.get_namespaced_custom_object(*OBJECT).get("status", {})
        return status

    def kubectl(self, *words: str) -> str:
        """Type a kubectl command about the story's namespace."""
        return self.typist.type("kubectl", *words, "-n", NAMESPACE)


def install(typist: Typist, say: Callable[[str], None]) -> None:
    """Install the chart as a person does, and wait for the operator."""
    say("2. Serinus is installed by its chart: a custom resource, an operator, a serving runtime for models")
    chart = str(CHART.relative_to(REPOSITORY))
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    typist.type(
        "helm", "upgrade", "--install", "serinus", chart, "-n", "serinus-system", "--create-namespace", *settings
    )
    typist.type("kubectl", "rollout", "status", "deployment/serinus", "-n", "serinus-system")


def first_version(stage: Stage) -> None:
    """Version 1 comes up, and a request is answered."""
    stage.say("4. a first version: one object asks for it")
    shutil.copy(TEMPLATE, stage.folder)
    (stage.folder / "request.json").write_text((stage.folder / REQUESTS_FILE).read_text().partition("\n")[0])
    stage.typist.change_folder(stage.folder)
    stage.typist.type("cat", FILE)
    stage.typist.type("kubectl", "create", "namespace", NAMESPACE)
    stage.typist.type("kubectl", "apply", "-f", FILE)
    stage.kubectl("wait", f"modeldeployment/{NAME}", "--for=condition=Ready", "--timeout=150s")
    stage.kubectl("get", "mdep")
    _expect(stage, Phase.STABLE, "1")
    # The gateway says that it has accepted a route some moments before it works by it.
    eventually(lambda: stage.traffic.asks_well(_bodies(stage)[0]), "the gateway leads to the model")
    headers = ("--header", f"Host: {HOST}", "--header", "Content-Type: application/json")
    stage.typist.type("curl", "--silent", *headers, "--data", "@request.json", stage.traffic.url)


@contextmanager
def sending(stage: Stage) -> Iterator[None]:
    """Clients that send the flights of five weeks, for the duration of the block."""
    stage.say(
        f"5. clients send the flights that follow through the gateway, {REQUESTS_PER_SECOND:.0f} requests a second, "
        "until the end"
    )
    with clients.sending(stage.traffic, _bodies(stage), REQUESTS_PER_SECOND):
        yield


def good_version(stage: Stage) -> None:
    """Version 2 gets 20 %, 50 %, everything."""
    stage.say("6. version 2 was trained on later flights: one line of the file changes, and the canary begins")
    ask_for(stage, "2")
    _watch(stage, lambda status: status.get("phase") == Phase.STABLE and _served(status) == "2")
    _expect(stage, Phase.STABLE, "2")
    stage.kubectl("events", "--for", f"modeldeployment/{NAME}")


def bad_version(stage: Stage) -> None:
    """Version 3 fails requests and is taken back; the commands say why."""
    stage.say("7. version 3 was trained on complete rows only: it refuses flights whose weather is missing")
    ask_for(stage, "3")
    _watch(stage, lambda status: status.get("phase") == Phase.ROLLED_BACK)
    stage.say("8. what happened, and why? The operator answers, with its numbers")
    stage.kubectl("serinus", "explain", NAME)
    stage.kubectl("serinus", "history", NAME)
    since = len(stage.traffic.answers)
    eventually(lambda: len(stage.traffic.answers) >= since + AFTERWARDS, "clients go on sending")
    status = _expect(stage, Phase.ROLLED_BACK, "2")
    stage.records = tuple(RolloutRecord.model_validate(one) for one in status["history"])
    stage.revisions |= {record.revision: record.to_version for record in stage.records}
    later = {(answer.code, stage.revisions.get(answer.revision)) for answer in stage.traffic.answers[since:]}
    if later != {(200, "2")}:
        raise DemoFailed(f"after the rollback all answers should come from version 2; code and version were {later}")


def ask_for(stage: Stage, version: str) -> None:
    """Change the one line that a data scientist changes, and apply the file."""
    stage.typist.type("sed", "-i", f's/version: ".*"/version: "{version}"/', FILE)
    stage.typist.type("kubectl", "apply", "-f", FILE)


def _watch(stage: Stage, happened: Callable[[dict[str, Any]], bool]) -> None:
    """Show every change of the object until it is as expected."""
    words = ("kubectl", "get", "mdep", NAME, "-n", NAMESPACE, "--watch")
    try:
        stage.typist.watch(*words, until=lambda: happened(stage.status()), seconds=ROLLOUT_SECONDS)
    except DemoFailed as error:
        status = stage.status()
        raise DemoFailed(f"{error}; the status says {status.get('phase')}: {status.get('message')}") from error


def _expect(stage: Stage, phase: Phase, version: str) -> dict[str, Any]:
    """The status, which must be so. Raises DemoFailed."""
    status = stage.status()
    if (status.get("phase"), _served(status)) != (phase, version):
        raise DemoFailed(
            f"version {version} should serve in phase {phase}; the API server says {_served(status)} "
            f"in {status.get('phase')}: {status.get('message')}"
        )
    stage.revisions[status["stable"]["id"]] = version
    return status


def _served(status: dict[str, Any]) -> str:
    return str(status.get("stable", {}).get("artifact", {}).get("version", ""))


def _bodies(stage: Stage) -> list[str]:
    return (stage.folder / REQUESTS_FILE).read_text().splitlines()


def problems(records: Sequence[RolloutRecord], failures: Sequence[Answer], champion: str) -> Iterator[str]:
    """What is not as the story tells it, once it is over. `champion`: the version that the registry's alias points at."""
    told = [(one.to_version, one.outcome, [change.weight for change in one.weights]) for one in records]
    good = ("2", Outcome.PROMOTED, [0, 20, 50, 100])
    if len(told) != 2 or told[0] != good:
        yield f"the first rollout should have been {good}; the status tells {told}"
    elif told[1][:2] != ("3", Outcome.ROLLED_BACK):
        yield f"version 3 should have been rolled back; the status tells {told[1]}"
    if hurt := [one.id for one in records if one.stable_failed]:
        yield f"the version that served should have failed no request; the status says it did in {hurt}"
    if champion != "2":
        yield f"the alias {ALIAS} should point at version 2, which serves; the registry says {champion or 'nowhere'}"
    if odd := [answer for answer in failures if not refuses_missing(answer)]:
        yield f"only version 3 should fail, by refusing missing values; clients saw other failures too: {odd[:3]}"


def refuses_missing(answer: Answer) -> bool:
    """Whether a model has refused a missing value: version 3 does, the others impute it."""
    return answer.code == REFUSED and REFUSAL in answer.text
