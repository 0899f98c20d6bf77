"""The Knative backend on an API server, a KServe and a Knative in memory, driven as the operator drives it."""

from collections.abc import Mapping
from typing import Any

from serinus.adapters.knative_view import KnativeSettings
from serinus.adapters.kserve_knative import KnativeServing
from serinus.adapters.kubernetes_objects import INFERENCE_SERVICE
from serinus.core.observation import ServingObservation
from serinus.core.plan import ServingPlan
from serinus.core.spec import ModelDeployment
from serinus.ports import Key
from tests.fakes.clock import FakeClock
from tests.fakes.knative import FakeKnative
from tests.fakes.kserve import Process
from tests.fakes.kubernetes import FakeKubernetes
from tests.local.harness import KEY


class InMemory:
    """A backend whose plan is applied again at every look, as the operator does, while the others work on."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.kubernetes = FakeKubernetes(self.clock.now)
        self.knative = FakeKnative(self.kubernetes)
        self.notices: list[str] = []
        self.ask_for({})
        self._plans: dict[Key, ServingPlan] = {}
        self._sent = 0
        self.restart()

    def ask_for(self, serving: dict[str, Any], **spec: Any) -> None:
        """The ModelDeployment's spec.serving, and other parts of its spec."""
        content = {"model": {"name": "flights", "version": "1"}, "serving": serving, **spec}
        metadata = {"name": KEY.name, "namespace": KEY.namespace}
        self.kubernetes.deploy(ModelDeployment.model_validate({"metadata": metadata, "spec": content}))

    def restart(self) -> None:
        """The program is started anew."""
        self.serving = KnativeServing(
            self.kubernetes,
            self.clock,
            KnativeSettings(collector_url="http://collector.serinus-system:8090"),
            lambda _, said: self.notices.append(said),
        )

    # ---- the backend

    @property
    def backend(self) -> "InMemory":
        return self

    async def observe(self, key: Key) -> ServingObservation:
        seen = await self.serving.observe(key)
        if key in self._plans:
            await self.step()
        return seen

    async def step(self, seconds: float = 2) -> None:
        """Everybody does what there is to do, the backend last."""
        self.knative.step(KEY)
        self.clock.advance(seconds)
        await self.serving.apply(KEY, self._plans[KEY])

    async def settle(self, plan: ServingPlan, steps: int = 12) -> ServingObservation:
        """Apply a plan and let everybody do what follows from it."""
        await self.apply(KEY, plan)
        for _ in range(steps):
            await self.step()
        return await self.serving.observe(KEY)

    async def apply(self, key: Key, plan: ServingPlan) -> None:
        for one in plan.served:
            asked = one.revision.template
            known = self.knative.processes.get(one.revision.id, Process())
            self.knative.processes[one.revision.id] = Process(
                "ready_file" not in asked, int(asked.get("exit_code", 0)), str(asked.get("say", "")), known.restarts
            )
        self._plans[key] = plan
        await self.serving.apply(key, plan)

    # ---- the world around it

    async def send(self, headers: Mapping[str, str], cookie: str = "") -> tuple[int, str, str]:
        """Every hundred requests are split exactly."""
        self._sent += 1
        place, below = self._sent * 37 % 100, 0
        for revision, percent in self.knative.traffic.items():
            below += percent
            if place < below:
                return 200, revision, ""
        return 404, "", ""

    async def kill(self, name: str) -> None:
        self.knative.kill(name)

    async def crash(self) -> None:
        self.restart()

    async def end(self) -> None:
        return None

    # ---- what tests ask beside

    def service(self) -> Any:
        """The InferenceService."""
        found = self.kubernetes.get(INFERENCE_SERVICE, KEY.namespace, KEY.name)
        assert found is not None
        return found

    def spec(self) -> tuple[str, int]:
        """The revision that the InferenceService's label names, and its percent."""
        found = self.service()
        return found["metadata"]["labels"]["serinus.dev/revision"], found["spec"]["predictor"]["canaryTrafficPercent"]
