"""What the registry answers is shared: counted at the real transport to a real server, and with a fake clock."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import pytest
import requests

from serinus import answers
from serinus.adapters.mlflow_artifacts import ArtifactsElsewhere
from serinus.adapters.mlflow_client import DIGEST_TAG, connect
from serinus.adapters.mlflow_registry import MlflowRegistry
from serinus.adapters.system_clock import SystemClock
from serinus.answers import GOOD_FOR, PROBLEMS_GOOD_FOR, RegistryAnswers
from serinus.core.decision import SOON
from serinus.core.observation import Problem, Verb
from serinus.core.revision import Artifact
from serinus.core.spec import ModelSource
from serinus.core.state import Phase
from serinus.ports import Key, Ports
from serinus.reconcile import Reconciler
from tests.adapters.fakes.registry import FakeModel, FakeRegistry
from tests.fakes.clock import FakeClock
from tests.fakes.world import HERE, MODEL, Behaviour, World, deployment, stable_world

T = TypeVar("T")
VERSION = ModelSource(name=MODEL, version="1")
MANY = 50


def run(question: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(question)


class Counting(FakeRegistry):
    """Counts what it is asked; `slow` waits until it is let go on."""

    def __init__(self) -> None:
        super().__init__({MODEL: FakeModel({"1": (HERE, "sha256:1")}, {"champion": "1"})})
        self.asked = 0
        self.slow: asyncio.Event | None = None

    async def resolve(self, model: str, **which: str) -> Artifact:
        self.asked += 1
        if self.slow is not None:
            await self.slow.wait()
        return await super().resolve(model, **which)


@pytest.fixture
def registry() -> Counting:
    return Counting()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def shared(registry: Counting, clock: FakeClock) -> RegistryAnswers:
    return RegistryAnswers(registry, clock)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URL of every HTTP request that really leaves."""
    urls: list[str] = []
    send = requests.adapters.HTTPAdapter.send

    def counted(self: requests.adapters.HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> Any:
        urls.append(str(request.url))
        return send(self, request, **options)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", counted)
    return urls


@pytest.mark.parametrize("source", [{"version": "1"}, {"alias": "champion"}], ids=str)
def test_many_deployments_of_a_model_cost_a_real_server_what_one_does(
    server: str, source: dict[str, str], sent: list[str]
) -> None:
    model = f"shared-by-{next(iter(source))}"
    client = connect(server)
    client.create_registered_model(model)
    client.create_model_version(model, "s3://bucket/model", tags={DIGEST_TAG: "sha256:1"})
    client.set_registered_model_alias(model, "champion", "1")

    def requests_for(askers: int) -> int:
        asked = RegistryAnswers(MlflowRegistry(server, ArtifactsElsewhere()), SystemClock())
        sent.clear()

        async def ask() -> list[Artifact | Problem]:
            named = ModelSource(name=model, **source)
            return await asyncio.gather(*(asked.target(named) for _ in range(askers)))

        assert {found.version for found in run(ask()) if isinstance(found, Artifact)} == {"1"}
        return len(sent)

    one = requests_for(1)
    assert one > 0
    assert requests_for(MANY) == one


def test_reconciling_many_deployments_of_a_model_asks_once(registry: Counting) -> None:
    world = World()
    ports = Ports(world.store, world.serving, world.metrics, registry, world.journal, world.clock)
    reconciler = Reconciler(ports)
    for number in range(MANY):
        run(reconciler.reconcile(Key("ml", f"flights-{number}"), deployment()))
    assert registry.asked == 1


@pytest.mark.parametrize("good_for", [GOOD_FOR, timedelta(seconds=3)])
def test_an_answer_is_asked_for_again_when_it_is_old(registry: Counting, clock: FakeClock, good_for: timedelta) -> None:
    shared = RegistryAnswers(registry, clock, good_for=good_for)
    for seconds, asked in ((0, 1), (good_for.total_seconds() - 1, 1), (1, 2), (1, 2)):
        clock.advance(seconds)
        assert isinstance(run(shared.target(VERSION)), Artifact)
        assert registry.asked == asked


def test_a_problem_is_told_to_all_and_soon_asked_about_again(
    shared: RegistryAnswers, registry: Counting, clock: FakeClock
) -> None:
    registry.available = False
    for _ in range(3):
        assert isinstance(run(shared.target(VERSION)), Problem)
    assert registry.asked == 1
    registry.available = True
    clock.advance(PROBLEMS_GOOD_FOR.total_seconds())
    assert isinstance(run(shared.target(VERSION)), Artifact)
    assert PROBLEMS_GOOD_FOR * 4 < GOOD_FOR


def test_who_means_the_registry_as_it_is_now_gets_no_older_answer(
    shared: RegistryAnswers, registry: Counting, clock: FakeClock
) -> None:
    run(shared.target(VERSION))
    clock.advance(1)
    run(shared.target(VERSION, anew=True))
    assert registry.asked == 2
    clock.advance(1)
    run(shared.target(VERSION))
    assert registry.asked == 2, "what was asked anew is good for the others too"


def test_other_questions_have_answers_of_their_own(shared: RegistryAnswers, registry: Counting) -> None:
    alias = ModelSource(name=MODEL, alias="champion")
    for source in (VERSION, alias, VERSION, alias):
        run(shared.target(source))
    assert registry.asked == 2
    assert isinstance(run(shared.target(ModelSource(name=MODEL, version="9"))), Problem)


def test_one_who_gives_up_does_not_take_the_answer_from_the_others(shared: RegistryAnswers, registry: Counting) -> None:
    async def story() -> list[Artifact | Problem]:
        registry.slow = asyncio.Event()
        askers = [asyncio.create_task(shared.target(VERSION)) for _ in range(5)]
        while not registry.asked:  # noqa: ASYNC110  # no time passes
            await asyncio.sleep(0)
        askers[0].cancel()
        await asyncio.sleep(0)
        registry.slow.set()
        return await asyncio.gather(*askers[1:])

    assert all(isinstance(answer, Artifact) for answer in run(story()))
    assert registry.asked == 1


def test_a_registry_that_hangs_is_waited_for_once_by_all_together(registry: Counting, clock: FakeClock) -> None:
    shared = RegistryAnswers(registry, clock, patience=0.05)

    async def story() -> None:
        registry.slow = asyncio.Event()
        began = asyncio.get_running_loop().time()
        for number in range(MANY):
            assert await shared.target(ModelSource(name=f"model-{number}", version="1")) == answers.NOT_YET
        assert asyncio.get_running_loop().time() - began < MANY * shared.patience / 4
        assert shared.is_late()
        assert registry.asked == answers.AT_ONCE, "it is not flooded either"
        registry.slow.set()
        for _ in range(500):
            await asyncio.sleep(0.01)
            if registry.asked == MANY and not shared.is_late():
                break
        assert (registry.asked, shared.is_late()) == (MANY, False)
        found = await shared.target(ModelSource(name="model-0", version="1"))
        assert isinstance(found, Problem)
        assert found != answers.NOT_YET

    run(story())


def test_while_an_answer_is_waited_for_the_former_one_holds_for_some_minutes(
    registry: Counting, clock: FakeClock
) -> None:
    shared = RegistryAnswers(registry, clock, patience=0)

    async def story() -> None:
        registry.slow = asyncio.Event()
        registry.slow.set()
        await shared.target(VERSION, anew=True)
        registry.slow.clear()
        clock.advance(answers.BETTER_THAN_NONE.total_seconds())
        assert isinstance(await shared.target(VERSION), Artifact)
        clock.advance(1)
        assert await shared.target(VERSION) == answers.NOT_YET
        asking = asyncio.create_task(shared.target(VERSION, anew=True))
        await asyncio.sleep(0.05)
        assert not asking.done(), "who means the registry as it is now waits for it"
        registry.slow.set()
        assert isinstance(await asking, Artifact)

    run(story())


def test_an_address_and_who_means_the_registry_as_it_is_now_do_not_stand_in_line(
    registry: Counting, clock: FakeClock
) -> None:
    shared = RegistryAnswers(registry, clock, patience=0.02)

    async def story() -> None:
        registry.slow = asyncio.Event()
        for number in range(MANY):
            await shared.target(ModelSource(name=f"model-{number}", version="1"))
        registry.slow = None
        assert registry.asked == answers.AT_ONCE, "all places are taken, and a line stands before them"
        assert await shared.target(ModelSource(name=MODEL, uri="s3://bucket/model")) != answers.NOT_YET
        assert isinstance(await shared.target(VERSION, anew=True), Artifact)

    run(story())


def test_what_a_late_registry_is_owed_is_put_off_and_not_for_ever() -> None:
    world = stable_world()
    world.ask_version("2")
    world.until_phase(Phase.PROMOTING)
    world.reconciler._debts.is_late = lambda: True
    world.until_phase(Phase.STABLE)
    assert world.alias() == "1"
    world.until(lambda state: state.alias_move is None and not state.unrecorded, ticks=70)
    assert world.alias() == "2"


def hang(world: World) -> Counting:
    """From now on the world's registry answers nothing."""
    hanging = Counting()
    hanging.models, hanging.rollouts = world.registry.models, world.registry.rollouts
    hanging.slow = asyncio.Event()
    world.registry = hanging
    world.restart()
    return hanging


def test_a_registry_that_hangs_keeps_no_bad_version_in_service() -> None:
    world = stable_world()
    hanging = hang(world)
    hanging.slow, asked = None, hanging.asked
    world.ask_version("2")
    world.until(lambda _: world.weight_of("2") > 0)
    hanging.slow = asyncio.Event()
    world.behaviours["2"] = Behaviour(failing=1.0)
    world.until_phase(Phase.ROLLED_BACK)
    assert world.state.rejected[-1].label == "flights version 2"
    assert hanging.asked > asked


@pytest.mark.parametrize("before", ["nothing", "something"])
def test_an_answer_that_is_not_there_yet_is_said_nowhere(before: str) -> None:
    world = stable_world() if before == "something" else World()
    hanging = hang(world)
    for _ in range(3):
        decision = world.reconcile()
        world.clock.advance(1)
    assert decision.requeue_after == SOON
    assert not [one for one in decision.next_state.conditions if one.type == "Degraded" and one.status == "True"]
    assert answers.NOT_YET.message not in decision.next_state.message
    hanging.slow = None
    world.restart()
    world.until_phase(Phase.STABLE)


def test_an_error_of_our_own_is_nobody_s_answer(shared: RegistryAnswers, registry: Counting) -> None:
    registry.models[MODEL].versions["1"] = None  # type: ignore[assignment]
    for _ in range(2):
        with pytest.raises(TypeError):
            run(shared.target(VERSION))
    assert registry.asked == 2


def test_no_more_answers_are_kept_than_there_is_room_for(
    shared: RegistryAnswers, registry: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MOST", 3)
    for number in range(10):
        run(shared.target(ModelSource(name=f"model-{number}", version="1")))
    assert len(shared._known) == 3
    run(shared.target(ModelSource(name="model-9", version="1")))
    assert registry.asked == 10


def test_a_person_s_request_is_decided_on_the_registry_as_it_is_now() -> None:
    world = stable_world()
    registry = Counting()
    registry.models, registry.rollouts = world.registry.models, world.registry.rollouts
    world.registry = registry
    world.restart()
    world.reconcile()
    before = registry.asked
    world.clock.advance(0.1)
    world.reconcile()
    assert registry.asked == before
    world.request(Verb.RETRY)
    world.clock.advance(0.1)
    world.reconcile()
    assert registry.asked == before + 1
    world.clock.advance(0.1)
    world.reconcile()
    assert registry.asked == before + 1, "a request that was carried out is no reason to ask again"
