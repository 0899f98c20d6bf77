"""The ModelDeployment file of a test, and its one line that changes."""

from dataclasses import dataclass
from pathlib import Path

from serinus.local.files import atomic_write_text
from tests.local.support.models import MODEL

NAME = "trips"
QUICK_STEPS = "[{weight: 20, hold: 1s, minRequests: 10}, {weight: 60, hold: 1s}]"
TEMPLATE = """\
apiVersion: serinus.dev/v1alpha1
kind: ModelDeployment
metadata: {{name: {name}, namespace: test}}
spec:
  model:
    name: {model}
    version: "{version}"
    promoteAlias: champion
  serving: {{keepWarm: {keep_warm}}}
  rollout:
    strategy: {strategy}
    interval: 1s
    steps: {steps}
    signals:
    - {{name: errors, type: Errors, maxIncrease: 0.1}}
    - {{name: latency, type: Latency, threshold: {threshold}, maxIncrease: {slow}, warmup: {warmup}}}
    deadline: {deadline}
    readyDeadline: 60s
"""


@dataclass
class Deployment:
    """Writes the file. Few requests a second must do, so the margins are wide."""

    path: Path
    steps: str = QUICK_STEPS
    threshold: str = "40ms"
    slow: float = 0.2
    warmup: str = "0s"
    keep_warm: str = "1s"
    deadline: str = "5m"
    name: str = NAME
    strategy: str = "Canary"

    def ask_for(self, version: str) -> None:
        """Change the one line that a data scientist changes."""
        atomic_write_text(self.path, self.text(version))

    def text(self, version: str) -> str:
        """The whole file."""
        return TEMPLATE.format(
            name=self.name,
            model=MODEL,
            version=version,
            steps=self.steps,
            threshold=self.threshold,
            slow=self.slow,
            warmup=self.warmup,
            keep_warm=self.keep_warm,
            deadline=self.deadline,
            strategy=self.strategy,
        )
