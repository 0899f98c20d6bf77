"""Each hazard of KServe's Knative mode as a row: what is wanted, what is seen, and the one step that leaks nothing."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serinus.adapters.knative_steps import Incarnation, Seen, Step, next_step
from serinus.core.plan import Role, ServedRevision, ServingPlan
from tests.local.harness import revision


def plan(stable: str, candidate: str = "", share: int = 0, warm: str = "", rejected: str = "") -> ServingPlan:
    """As core makes it: shares of stable and candidate, others kept without one."""
    roles = ((stable, Role.STABLE), (candidate, Role.CANDIDATE), (warm, Role.WARM), (rejected, Role.REJECTED))
    weights = ((stable, 100 - share), *([(candidate, share)] if candidate else []))
    return ServingPlan(tuple(ServedRevision(revision(name), role) for name, role in roles if name), weights)


def k(name: str) -> Incarnation:
    """`a1` is the first Knative revision of a; `?1` one of nobody."""
    return Incarnation(name, "" if name.startswith("?") else name[0])


def seen(bears: str, percent: int, named: str, traffic: dict[str, int], routed: str = "") -> Seen:
    """`named`: latest created, latest ready, rolled out, previously rolled out; `-` where there is none."""
    created, latest, rolled, previous = (None if name == "-" else k(name) for name in named.split())
    told = routed or (latest.name if latest else "")
    return Seen(bears, percent, created, latest, rolled, previous, told, traffic)


ALL_A, ALL_B = {"a": 100}, {"b": 100}
STANDING = seen("a", 100, "a1 a1 a1 -", ALL_A)

CASES: dict[str, tuple[ServingPlan, Seen | None, Step]] = {
    # ---- first deploy
    "nothing is there": (plan("a"), None, Step("a", 100)),
    "nothing is there, in mid-rollout": (plan("a", "b", 10), None, Step("a", 100)),
    "the first comes up": (plan("a"), seen("a", 100, "a1 - - -", {}), Step("a", 100)),
    "the first will not come up, another is wanted": (plan("b"), seen("a", 100, "a1 - - -", {}), Step("b", 0)),
    "it is up": (plan("a"), STANDING, Step("a", 100)),
    # ---- a candidate
    "the model changes with 0 in the same patch": (plan("a", "b"), STANDING, Step("b", 0)),
    "the old status still says all is ready": (plan("a", "b", 10), seen("b", 0, "a1 a1 a1 -", ALL_A), Step("b", 0)),
    "the same, with one rolled out before": (plan("a", "b", 10), seen("b", 0, "a1 a1 a1 c1", ALL_A), Step("b", 0)),
    "created, not ready": (plan("a", "b", 10), seen("b", 0, "b1 a1 a1 -", ALL_A), Step("b", 0)),
    "ready, not in the route": (plan("a", "b", 10), seen("b", 0, "b1 b1 a1 -", ALL_A, routed="a1"), Step("b", 0)),
    "up": (plan("a", "b", 10), seen("b", 0, "b1 b1 a1 -", ALL_A), Step("b", 10)),
    "raised": (plan("a", "b", 50), seen("b", 10, "b1 b1 a1 -", {"a": 90, "b": 10}), Step("b", 50)),
    "promoted with the percent kept": (
        plan("a", "b", 100),
        seen("b", 50, "b1 b1 a1 -", {"a": 50, "b": 50}),
        Step("b", 100),
    ),
    "all of it, not taken down yet": (plan("b", warm="a"), seen("b", 100, "b1 b1 a1 -", ALL_B), Step("b", 100)),
    "promoted": (plan("b", warm="a"), seen("b", 100, "b1 b1 b1 a1", ALL_B), Step("b", 100)),
    # A model that is changed before KServe has taken down who serves would get its requests sent to the one before.
    "the next one waits for that": (plan("b", "c"), seen("b", 100, "b1 b1 a1 -", ALL_B), Step("b", 100)),
    "the next one waits for the route": (
        plan("b", "c"),
        seen("b", 100, "b1 b1 b1 a1", {"a": 50, "b": 50}),
        Step("b", 100),
    ),
    "then it comes": (plan("b", "c"), seen("b", 100, "b1 b1 b1 a1", ALL_B), Step("c", 0)),
    # ---- taken back
    "0 first": (plan("a", "b"), seen("b", 50, "b1 b1 a1 -", {"a": 50, "b": 50}), Step("b", 0)),
    "0 although it is not ready": (plan("a", "b"), seen("b", 50, "b2 b1 a1 -", {"a": 50, "b": 50}), Step("b", 0)),
    "its pods are kept to be looked at": (plan("a", rejected="b"), seen("b", 0, "b1 b1 a1 -", ALL_A), Step("b", 0)),
    "then the old model at 0": (plan("a"), seen("b", 0, "b1 b1 a1 -", ALL_A), Step("a", 0)),
    "the old model at 0, from a share": (plan("a"), seen("b", 50, "b1 b1 a1 -", {"a": 50, "b": 50}), Step("a", 0)),
    "it is told of the bad one still": (plan("a"), seen("a", 0, "b1 b1 a1 -", ALL_A), Step("a", 0)),
    "it comes up": (plan("a"), seen("a", 0, "a2 b1 a1 -", ALL_A), Step("a", 0)),
    "it is ready, the route has the bad one": (plan("a"), seen("a", 0, "a2 a2 a1 -", ALL_A, routed="b1"), Step("a", 0)),
    "it is up, then 100": (plan("a"), seen("a", 0, "a2 a2 a1 -", ALL_A), Step("a", 100)),
    "a bad model of which nothing was made": (plan("a"), seen("a", 0, "a1 a1 a1 -", ALL_A), Step("a", 100)),
    # ---- the next candidate after a rejected one
    "next to a rejected one": (plan("a", "c", rejected="b"), seen("b", 0, "b1 b1 a1 -", ALL_A), Step("c", 0)),
    "in place of a rejected one": (plan("a", "c"), seen("b", 0, "b1 b1 a1 -", ALL_A), Step("c", 0)),
    "the latest ready one is the rejected one": (plan("a", "c", 10), seen("c", 0, "c1 b1 a1 -", ALL_A), Step("c", 0)),
    "and somebody raised the percent": (
        plan("a", "c", 10),
        seen("c", 10, "c1 b1 a1 -", {"a": 90, "b": 10}),
        Step("c", 0),
    ),
    "superseded in mid-rollout": (plan("a", "c"), seen("b", 10, "b1 b1 a1 -", {"a": 90, "b": 10}), Step("c", 0)),
    "the same one again": (plan("a", "b", 10), seen("b", 0, "b1 b1 a1 -", ALL_A), Step("b", 10)),
    # ---- going back after a promotion
    "the former one needs only a percent": (plan("b", "a"), seen("b", 100, "b1 b1 b1 a1", ALL_B), Step("b", 100)),
    "which is 0": (plan("b", "a", 100), seen("b", 100, "b1 b1 b1 a1", ALL_B), Step("b", 0)),
    "0, seen before KServe has gone back": (plan("b", "a", 100), seen("b", 0, "b1 b1 b1 a1", ALL_B), Step("b", 0)),
    "KServe has gone back": (plan("a", rejected="b"), seen("b", 0, "b1 b1 a1 a1", ALL_A), Step("b", 0)),
    "then the spec follows": (plan("a"), seen("b", 0, "b1 b1 a1 a1", ALL_A), Step("a", 0)),
    "by steps too": (plan("b", "a", 10), seen("b", 100, "b1 b1 b1 a1", ALL_B), Step("b", 90)),
    "the former one is gone: the safe order": (plan("b", "a"), seen("b", 100, "b1 b1 b1 -", ALL_B), Step("a", 0)),
    "and it waits": (plan("b", "a", 100), seen("a", 0, "a2 b1 b1 -", ALL_B), Step("a", 0)),
    "and takes over": (plan("b", "a", 100), seen("a", 0, "a2 a2 b1 -", ALL_B), Step("a", 100)),
    "another one was before": (plan("b", "a", 100), seen("b", 100, "b1 b1 b1 c1", ALL_B), Step("a", 0)),
    "and its old status is not believed": (plan("b", "a", 100), seen("a", 0, "b1 b1 b1 c1", ALL_B), Step("a", 0)),
    # ---- people, and other programs
    "the percent was taken out in mid-rollout": (
        plan("a", "b", 10),
        seen("b", 100, "b1 b1 a1 -", {"a": 90, "b": 10}),
        Step("b", 10),
    ),
    "the percent was set": (plan("a"), seen("a", 20, "a1 a1 a1 -", ALL_A), Step("a", 100)),
    "the model was edited": (plan("a"), seen("", 100, "?1 a1 a1 -", ALL_A), Step("a", 0)),
    "the edited model serves": (plan("a"), seen("", 100, "?1 ?1 ?1 a1", {}), Step("a", 0)),
    "the candidate's model was edited": (
        plan("a", "b", 10),
        seen("", 10, "?1 b1 a1 -", {"a": 90, "b": 10}),
        Step("b", 0),
    ),
    "the model was edited just now": (plan("a"), seen("", 100, "a1 a1 a1 b1", ALL_A), Step("a", 100)),
    # ---- there and back before KServe has looked: 0 alone would make it go back to what was before
    "given up before anything was made": (
        plan("a"),
        replace(seen("c", 0, "a1 a1 a1 b1", ALL_A), is_answered=False),
        Step("c", 0),
    ),
    "and nothing was made of it": (plan("a"), seen("c", 0, "a1 a1 a1 b1", ALL_A), Step("a", 100)),
    "given up once something was made": (plan("a"), seen("c", 0, "c1 a1 a1 b1", ALL_A), Step("a", 0)),
    "and it is not raised by an old status": (
        plan("a"),
        replace(seen("a", 0, "a2 a2 a1 -", ALL_A), is_answered=False),
        Step("a", 0),
    ),
    "a share is taken from the former one before KServe has gone back": (
        plan("b"),
        replace(seen("b", 50, "b1 b1 a1 a1", ALL_B), is_answered=False),
        Step("b", 100),
    ),
    "nothing begins before the last change is answered": (
        plan("a", "b"),
        replace(STANDING, is_answered=False),
        Step("a", 100),
    ),
    # ---- adoption
    "somebody's, with the same model": (plan("a"), STANDING, Step("a", 100)),
    "somebody's, with another model": (plan("a"), seen("", 100, "?1 ?1 ?1 -", {}), Step("a", 0)),
    "and the other serves on": (plan("a"), seen("a", 0, "?1 ?1 ?1 -", {}), Step("a", 0)),
    "until ours is up": (plan("a"), seen("a", 0, "a1 a1 ?1 -", {}), Step("a", 100)),
    # ---- scale
    "a new scale comes up, the old one serves": (plan("a"), seen("a", 100, "a2 a1 a1 -", ALL_A), Step("a", 100)),
    "an unhealthy stable does not block": (plan("a", "b"), seen("a", 100, "a2 a1 a1 -", ALL_A), Step("b", 0)),
    # KServe, seeing the route before the Configuration, would take the change of the model for a rollback.
    "KServe went back by mistake": (plan("b", "c"), seen("c", 0, "c1 b1 a1 a1", ALL_A), Step("b", 0)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_next_step_is(case: str) -> None:
    wanted, found, step = CASES[case]
    assert next_step(wanted, found) == step


NAMES = ("a1", "a2", "b1", "b2", "c1", "?1")
incarnations = st.sampled_from(NAMES).map(k)
maybe = st.none() | incarnations


@st.composite
def situations(draw: Any) -> tuple[ServingPlan, Seen]:
    stable, candidate, kept = draw(st.permutations(["a", "b", "c"]))
    wanted = plan(
        stable,
        candidate if draw(st.booleans()) else "",
        draw(st.integers(0, 100)),
        rejected=kept if draw(st.booleans()) else "",
    )
    if len(wanted.weights) == 1:
        wanted = replace(wanted, weights=((stable, 100),))
    shares = draw(st.dictionaries(st.sampled_from("abc"), st.integers(0, 100), max_size=2))
    found = Seen(
        bears=draw(st.sampled_from(["", "a", "b", "c"])),
        percent=draw(st.integers(0, 100)),
        created=draw(maybe),
        latest=draw(maybe),
        rolled=draw(maybe),
        previous=draw(maybe),
        routed=draw(st.sampled_from(["", *NAMES])),
        traffic=shares,
        is_answered=draw(st.booleans()),
    )
    return wanted, found


@given(situations())
def test_another_model_comes_with_0_unless_nothing_was_made_of_the_one_between(
    situation: tuple[ServingPlan, Seen],
) -> None:
    wanted, found = situation
    step = next_step(wanted, found)
    assert step.revision == found.bears or step.percent == 0 or (step.revision == found.other and not found.has_made)


@given(situations())
def test_the_percent_is_raised_only_for_what_is_up(situation: tuple[ServingPlan, Seen]) -> None:
    wanted, found = situation
    step = next_step(wanted, found)
    is_back = step.revision == found.other and not found.has_made
    assert step.percent <= found.percent or (found.is_up and step.revision == found.bears) or is_back


@given(situations())
def test_what_is_not_wanted_is_never_given_more(situation: tuple[ServingPlan, Seen]) -> None:
    wanted, found = situation
    step = next_step(wanted, found)
    if not wanted.weight(found.bears) and step.revision == found.bears:
        assert step.percent <= found.percent
