"""The cache: of two sightings the newer one counts, and what was deleted does not come back."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from serinus.adapters.kubernetes_objects import HTTP_ROUTE, INFERENCE_SERVICE, MODEL_DEPLOYMENT, POD
from serinus.kubernetes import cache as module
from serinus.kubernetes.cache import ObjectCache
from serinus.ports import Key

KEY = Key("ml", "flight")


def seen(name: str, version: int, uid: str = "u", owner: str = "flight", **more: Any) -> dict[str, Any]:
    labels = {"serinus.dev/deployment": owner} if owner else {}
    meta = {"name": name, "namespace": "ml", "uid": uid, "resourceVersion": str(version), "labels": labels}
    return {"metadata": meta | more.pop("meta", {}), **more}


def versions(cache: ObjectCache) -> dict[str, str]:
    return {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in cache.of(HTTP_ROUTE, KEY)}


def test_an_older_sighting_changes_nothing() -> None:
    cache = ObjectCache()
    assert cache.put(HTTP_ROUTE, seen("a", 9))
    assert not cache.put(HTTP_ROUTE, seen("a", 8))
    assert not cache.put(HTTP_ROUTE, seen("a", 9))
    assert cache.put(HTTP_ROUTE, seen("a", 10))
    assert versions(cache) == {"a": "10"}


def test_versions_are_compared_as_numbers() -> None:
    cache = ObjectCache()
    cache.put(HTTP_ROUTE, seen("a", 999))
    assert cache.put(HTTP_ROUTE, seen("a", 1000))


def test_a_late_event_about_a_deleted_object_does_not_bring_it_back() -> None:
    cache = ObjectCache()
    cache.put(HTTP_ROUTE, seen("a", 5))
    assert cache.forget(HTTP_ROUTE, "ml", "a", "u")
    assert not cache.put(HTTP_ROUTE, seen("a", 7))
    assert cache.get(HTTP_ROUTE, "ml", "a") is None
    assert cache.of(HTTP_ROUTE, KEY) == ()


def test_another_object_of_the_same_name_is_another_object() -> None:
    cache = ObjectCache()
    cache.put(HTTP_ROUTE, seen("a", 5))
    cache.put(HTTP_ROUTE, seen("a", 8, uid="new"))
    assert not cache.forget(HTTP_ROUTE, "ml", "a", "u")  # the deletion of the former one comes late
    assert cache.get(HTTP_ROUTE, "ml", "a") is not None


def test_deletions_are_remembered_within_bounds(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "DELETIONS_REMEMBERED", 3)
    cache = ObjectCache()
    for number in range(10):
        cache.forget(HTTP_ROUTE, "ml", "a", f"u{number}")
    assert not cache.put(HTTP_ROUTE, seen("a", 1, uid="u9"))
    assert cache.put(HTTP_ROUTE, seen("a", 1, uid="u0"))


def test_objects_are_found_by_the_deployment_whose_label_they_bear_now() -> None:
    cache = ObjectCache()
    cache.put(HTTP_ROUTE, seen("b", 1, "u1"))
    cache.put(HTTP_ROUTE, seen("a", 2, "u2"))
    cache.put(HTTP_ROUTE, seen("foreign", 3, "u3", owner=""))
    cache.put(INFERENCE_SERVICE, seen("a", 4, "u4"))
    assert versions(cache) == {"a": "2", "b": "1"}
    cache.put(HTTP_ROUTE, seen("a", 5, "u2", owner="other"))
    assert versions(cache) == {"b": "1"}
    assert len(cache.of(HTTP_ROUTE, Key("ml", "other"))) == 1
    assert cache.get(HTTP_ROUTE, "ml", "foreign") is not None


def test_what_nobody_reads_is_not_kept() -> None:
    cache = ObjectCache()
    bulky = {"managedFields": [{"manager": "kubectl"}], "annotations": {module_annotation(): "x" * 9, "mine": "1"}}
    cache.put(MODEL_DEPLOYMENT, seen("m", 1, meta=bulky, status={"checkpoint": "c", "history": [1], "phase": "Stable"}))
    cache.put(POD, seen("p", 2, "p", spec={"containers": [{"name": "c", "env": [1], "ports": []}], "volumes": []}))
    kept, pod = cache.get(MODEL_DEPLOYMENT, "ml", "m"), cache.get(POD, "ml", "p")
    assert kept is not None
    assert pod is not None
    assert kept["status"] == {"checkpoint": "c"}
    assert kept["metadata"]["annotations"] == {"mine": "1"}
    assert "managedFields" not in kept["metadata"]
    assert pod["spec"] == {"containers": [{"name": "c", "ports": []}]}


def test_objects_share_names_and_short_texts() -> None:
    cache = ObjectCache()
    for name in ("a", "b"):
        text = '{"conditions": [{"lastTransitionTime": "2026-01-01T00:00:00Z"}]}'
        cache.put(INFERENCE_SERVICE, seen(name, 1, name, status=json.loads(text)))
    first, second = (cache.get(INFERENCE_SERVICE, "ml", name) for name in ("a", "b"))
    assert first is not None
    assert second is not None
    of_first, of_second = (next(iter(one["status"]["conditions"][0].items())) for one in (first, second))
    assert of_first[0] is of_second[0]
    assert of_first[1] is of_second[1]


def module_annotation() -> str:
    return "kubectl.kubernetes.io/last-applied-configuration"


def test_what_we_created_and_never_applied_is_known() -> None:
    cache = ObjectCache()
    status = {"manager": "serinus", "operation": "Update", "subresource": "status"}
    ours = {"manager": "serinus", "operation": "Update"}
    cache.put(HTTP_ROUTE, seen("a", 1, meta={"managedFields": [status, ours]}))
    sighting = cache.sighting(HTTP_ROUTE, "ml", "a")
    assert sighting is not None
    assert sighting.create_entry == 1
    cache.put(HTTP_ROUTE, seen("a", 2, meta={"managedFields": [status, {**ours, "operation": "Apply"}]}))
    sighting = cache.sighting(HTTP_ROUTE, "ml", "a")
    assert sighting is not None
    assert sighting.create_entry is None


SIGHTINGS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(1, 3), st.integers(1, 30), st.booleans()), max_size=30
)


@given(SIGHTINGS)
def test_in_whatever_order_sightings_come_the_newest_of_what_lives_is_kept(
    sightings: list[tuple[str, int, int, bool]],
) -> None:
    cache = ObjectCache()
    deleted: set[str] = set()
    newest: dict[str, tuple[int, str]] = {}
    for name, number, version, is_deletion in sightings:
        uid = f"{name}{number}"
        if is_deletion:
            cache.forget(HTTP_ROUTE, "ml", name, uid)
            deleted.add(uid)
            if newest.get(name, (0, ""))[1] == uid:
                del newest[name]
        else:
            cache.put(HTTP_ROUTE, seen(name, version, uid))
            if uid not in deleted and version > newest.get(name, (0, ""))[0]:
                newest[name] = (version, uid)
    assert versions(cache) == {name: str(version) for name, (version, _) in newest.items()}
    assert {name: cache.get(HTTP_ROUTE, "ml", name) is not None for name in "ab"} == {n: n in newest for n in "ab"}
