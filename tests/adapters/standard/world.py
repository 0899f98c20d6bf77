"""The Standard backend on an API server, a KServe and a gateway in memory, driven as the operator drives it."""

from collections.abc import Mapping
from typing import Any

from serinus.adapters.kserve_standard import StandardServing
from serinus.adapters.kubernetes_objects import GATEWAY, GATEWAY_CLASS
from serinus.adapters.standard_view import StandardSettings
from serinus.core.observation import ServingObservation
from serinus.core.plan import ServingPlan
from serinus.core.spec import Gateway, ModelDeployment
from serinus.ports import Key
from tests.fakes.clock import FakeClock
from tests.fakes.gateway import FakeGateway
from tests.fakes.kserve import FakeKServe, Process
from tests.fakes.kubernetes import FakeKubernetes
from tests.local.harness import KEY

COLLECTOR = "http://collector.serinus-system:8090"
SETTINGS = StandardSettings(
    gateway=Gateway(name="public", namespace="infra"), domain="example.org", collector_url=COLLECTOR
)


class InMemory:
    """A backend whose plan is applied again at every look, as the operator does, while the others work on."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.kubernetes = FakeKubernetes(self.clock.now)
        self.kserve, self.gateway = FakeKServe(self.kubernetes), FakeGateway(self.kubernetes)
        self.notices: list[str] = []
        self.offer("HTTPRouteRequestMirror", "HTTPRouteRequestPercentageMirror")
        self.ask_for({})
        self._plans: dict[Key, ServingPlan] = {}
        self.settings = SETTINGS
        self.restart()

    def ask_for(self, serving: dict[str, Any], **spec: Any) -> None:
        """The ModelDeployment's spec.serving, and other parts of its spec."""
        content = {"model": {"name": "flights", "version": "1"}, "serving": serving, **spec}
        metadata = {"name": KEY.name, "namespace": KEY.namespace}
        self.kubernetes.deploy(ModelDeployment.model_validate({"metadata": metadata, "spec": content}))

    def offer(self, *features: str) -> None:
        """The gateway of SETTINGS, and what its class says that it can do."""
        self.kubernetes.edit(GATEWAY, "infra", "public", {"spec": {"gatewayClassName": "edge"}})
        status = {"supportedFeatures": [{"name": name} for name in features]}
        self.kubernetes.edit(GATEWAY_CLASS, "", "edge", {"status": status})

    def restart(self) -> None:
        """The program is started anew."""
        self.standard = StandardServing(
            self.kubernetes, self.clock, self.settings, lambda _, said: self.notices.append(said)
        )

    # ---- the backend

    @property
    def backend(self) -> "InMemory":
        return self

    async def observe(self, key: Key) -> ServingObservation:
        seen = await self.standard.observe(key)
        if key in self._plans:
            await self.step()
        return seen

    async def step(self, seconds: float = 2) -> None:
        """Everybody does what there is to do, the backend last."""
        self.kserve.step(KEY)
        self.gateway.step(KEY)
        self.clock.advance(seconds)
        await self.standard.apply(KEY, self._plans[KEY])

    async def settle(self, plan: ServingPlan, steps: int = 8) -> ServingObservation:
        """Apply a plan and let everybody do what follows from it."""
        await self.apply(KEY, plan)
        for _ in range(steps):
            await self.step()
        return await self.standard.observe(KEY)

    async def apply(self, key: Key, plan: ServingPlan) -> None:
        for one in plan.served:
            asked = one.revision.template
            known = self.kserve.processes.get(one.revision.id, Process())
            ready = "ready_file" not in asked
            self.kserve.processes[one.revision.id] = Process(
                ready, int(asked.get("exit_code", 0)), str(asked.get("say", "")), known.restarts
            )
        self._plans[key] = plan
        await self.standard.apply(key, plan)

    # ---- the world around it

    async def send(self, headers: Mapping[str, str], cookie: str = "") -> tuple[int, str, str]:
        service, set_cookie = self.gateway.send(KEY, {**headers, **({"Cookie": f"a=b; {cookie}"} if cookie else {})})
        return 200, service.split("-")[1], set_cookie or cookie

    async def copies(self, name: str) -> int:
        return sum(count for service, count in self.gateway.copies.items() if service.split("-")[1] == name)

    async def kill(self, name: str) -> None:
        self.kserve.kill(name)

    async def crash(self) -> None:
        self.restart()

    async def end(self) -> None:
        return None
