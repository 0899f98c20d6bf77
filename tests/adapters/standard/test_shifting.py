"""Capacity before traffic, and the order that keeps a gateway's counters in their place."""

import pytest

from serinus.adapters.shifting import shifted
from serinus.core.plan import Role, ServedRevision, ServingPlan
from tests.local.harness import revision

A, B, C = "aaa", "bbb", "ccc"
ROLES = {A: Role.STABLE, B: Role.CANDIDATE, C: Role.WARM}


def plan(**weights: int) -> ServingPlan:
    served = tuple(ServedRevision(revision(name), ROLES[name]) for name in reversed(weights))
    return ServingPlan(served=served, weights=tuple(weights.items()))


@pytest.mark.parametrize(
    ("wanted", "current", "up", "written"),
    [
        # the first revision: no route before it is ready
        (plan(aaa=100), {}, "", None),
        (plan(aaa=100), {}, A, {A: 100}),
        # a candidate is listed without weight once its Service is there, and gets its share once it is ready
        (plan(aaa=90, bbb=10), {A: 100}, A, {A: 100}),
        (plan(aaa=90, bbb=10), {A: 100}, f"{A} {B}", {A: 90, B: 10}),
        (plan(aaa=100, bbb=0), {A: 100}, f"{A} {B}", {A: 100, B: 0}),
        (plan(aaa=100, bbb=0, ccc=0), {A: 100}, f"{A} {B} {C}", {A: 100, B: 0, C: 0}),
        # a share that shrinks to a ready stable never waits
        (plan(aaa=100, bbb=0), {A: 50, B: 50}, f"{A} {B}", {A: 100, B: 0}),
        (plan(aaa=100, bbb=0), {A: 50, B: 50}, A, {A: 100}),
        # what left the plan keeps its share until another can take it
        (plan(bbb=100), {A: 100}, A, {A: 100}),
        (plan(bbb=100), {A: 100}, f"{A} {B}", {B: 100}),
        # nothing is ready, so there is nothing to protect, but a route cannot name a Service that is not there
        (plan(bbb=100), {A: 100}, "", None),
    ],
)
def test_weights_grow_only_with_capacity(
    wanted: ServingPlan, current: dict[str, int], up: str, written: dict[str, int] | None
) -> None:
    names = set(up.split())
    made = shifted(wanted, current, names, names)
    assert made == written


def test_a_revision_that_is_down_for_now_keeps_what_it_has() -> None:
    assert shifted(plan(aaa=90, bbb=10), {A: 100, B: 0}, {A, B}, {A}) == {A: 100, B: 0}


def test_stable_comes_first_and_the_candidate_second_whatever_the_plan_lists_first() -> None:
    made = shifted(plan(aaa=100, bbb=0, ccc=0), {}, {A, B, C}, {A, B, C})
    assert list(made or ()) == [A, B, C]
