"""What is written, what is not, and what is said about it."""

from typing import Any

import pytest

from serinus.adapters.kubernetes_objects import HTTP_ROUTE, INFERENCE_SERVICE
from serinus.adapters.object_writer import ObjectWriter
from serinus.core.errors import ServingUnavailable
from tests.adapters.standard.support import KEY, golden
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.world import run

NAME = "flight-delay-0123456789"


class Said(list[str]):
    """Notices as they come."""

    def __call__(self, key: object, sentence: str) -> None:
        self.append(sentence)


@pytest.fixture
def kubernetes() -> FakeKubernetes:
    return FakeKubernetes()


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def writer(kubernetes: FakeKubernetes, said: Said) -> ObjectWriter:
    return ObjectWriter(kubernetes, said)


def write(writer: ObjectWriter, manifest: dict[str, Any], *, adopt: bool = False) -> None:
    kind = HTTP_ROUTE if manifest["kind"] == "HTTPRoute" else INFERENCE_SERVICE
    run(writer.write(KEY, kind, manifest, adopt=adopt))


@pytest.mark.parametrize("name", ["serinus", "route-sticky"])
def test_what_is_right_is_not_written_again(kubernetes: FakeKubernetes, writer: ObjectWriter, name: str) -> None:
    for _ in range(3):
        write(writer, golden(name))
    assert len(kubernetes.requests) == 1


@pytest.mark.parametrize("name", ["serinus", "route-split"])
def test_another_run_of_the_program_writes_nothing_anew(kubernetes: FakeKubernetes, name: str) -> None:
    write(ObjectWriter(kubernetes), golden(name))
    write(ObjectWriter(kubernetes), golden(name))
    assert len(kubernetes.requests) == 1


@pytest.mark.parametrize("name", ["serinus", "route-split"])
def test_a_server_that_spells_a_value_its_own_way_is_not_corrected_for_ever(
    kubernetes: FakeKubernetes, writer: ObjectWriter, said: Said, name: str
) -> None:
    def spell(manifest: dict[str, Any]) -> None:
        if manifest["kind"] == "InferenceService":
            manifest["spec"]["predictor"]["model"]["resources"]["requests"]["cpu"] = "0.5"
        else:
            manifest["spec"]["rules"][0]["timeouts"] = {}

    kubernetes.admission = spell
    for _ in range(4):
        write(writer, golden(name))
    assert len(kubernetes.requests) == 1
    another = ObjectWriter(kubernetes, said)
    for _ in range(4):
        write(another, golden(name))
    assert len(kubernetes.requests) == 2
    assert not said


def test_a_field_that_is_no_longer_wanted_is_taken_away(kubernetes: FakeKubernetes, writer: ObjectWriter) -> None:
    write(writer, golden("route-mirror"))
    plain = golden("route-mirror")
    del plain["spec"]["rules"][0]["filters"]
    write(writer, plain)
    assert kubernetes.get(HTTP_ROUTE, "ml", "flight-delay")["spec"] == plain["spec"]  # type: ignore[index]


def test_objects_that_are_to_stay_behind_lose_their_owner(kubernetes: FakeKubernetes, writer: ObjectWriter) -> None:
    write(writer, golden("serinus"))
    orphan = golden("serinus")
    del orphan["metadata"]["ownerReferences"]
    write(writer, orphan)
    found = kubernetes.get(INFERENCE_SERVICE, "ml", NAME)
    assert found is not None
    assert "ownerReferences" not in found["metadata"]
    write(writer, golden("serinus"))
    assert kubernetes.get(INFERENCE_SERVICE, "ml", NAME)["metadata"]["ownerReferences"]  # type: ignore[index]


def test_a_persons_edit_of_a_route_is_put_back_and_said_once(
    kubernetes: FakeKubernetes, writer: ObjectWriter, said: Said
) -> None:
    wanted = golden("route-split")
    write(writer, wanted)
    rules = golden("route-match")["spec"]["rules"]
    kubernetes.edit(HTTP_ROUTE, "ml", "flight-delay", {"spec": {"rules": rules}})
    for _ in range(3):
        write(writer, wanted)
    assert kubernetes.get(HTTP_ROUTE, "ml", "flight-delay")["spec"] == wanted["spec"]  # type: ignore[index]
    assert said == ["somebody changed HTTPRoute flight-delay; it was put back"]


def test_an_edit_of_a_value_of_ours_is_put_back_and_what_was_added_is_kept(
    kubernetes: FakeKubernetes, writer: ObjectWriter, said: Said
) -> None:
    write(writer, golden("serinus"))
    kubernetes.edit(INFERENCE_SERVICE, "ml", NAME, {"spec": {"predictor": {"minReplicas": 0}}})
    write(writer, golden("serinus"))
    assert kubernetes.get(INFERENCE_SERVICE, "ml", NAME)["spec"]["predictor"]["minReplicas"] == 2  # type: ignore[index]
    kubernetes.edit(INFERENCE_SERVICE, "ml", NAME, {"spec": {"predictor": {"nodeSelector": {"gpu": "yes"}}}})
    for _ in range(3):
        write(writer, golden("serinus"))
    assert len(said) == 2
    assert "put back" in said[0]
    assert "does not own what was added" in said[1]
    assert len(kubernetes.requests) == 2


@pytest.mark.parametrize("label", ["serinus.dev/revision", "serinus.dev/deployment"])
def test_a_label_that_was_taken_away_is_put_back(kubernetes: FakeKubernetes, writer: ObjectWriter, label: str) -> None:
    write(writer, golden("serinus"))
    kubernetes.edit(INFERENCE_SERVICE, "ml", NAME, {"metadata": {"labels": {label: None}}})
    write(writer, golden("serinus"))
    found = kubernetes.get(INFERENCE_SERVICE, "ml", NAME)
    assert found is not None
    assert found["metadata"]["labels"] == golden("serinus")["metadata"]["labels"]


def test_our_own_change_is_no_edit(writer: ObjectWriter, said: Said) -> None:
    write(writer, golden("route-split"))
    write(writer, golden("route-match"))
    write(writer, golden("route-split"))
    assert not said


def test_an_object_of_somebody_else_is_refused_with_what_to_do(
    kubernetes: FakeKubernetes, writer: ObjectWriter
) -> None:
    kubernetes.edit(HTTP_ROUTE, "ml", "flight-delay", {"kind": "HTTPRoute", "spec": {"rules": []}})
    with pytest.raises(
        ServingUnavailable, match=r"was not made by Serinus for ml/flight-delay; delete it, .*adopt: true"
    ):
        write(writer, golden("route-split"))
    assert not kubernetes.requests
    write(writer, golden("route-split"), adopt=True)
    assert kubernetes.get(HTTP_ROUTE, "ml", "flight-delay")["spec"] == golden("route-split")["spec"]  # type: ignore[index]


def test_what_waits_for_its_finalizers_is_left_alone(kubernetes: FakeKubernetes, writer: ObjectWriter) -> None:
    write(writer, golden("serinus"))
    kubernetes.edit(INFERENCE_SERVICE, "ml", NAME, {"metadata": {"deletionTimestamp": "2026-01-05T12:00:00Z"}})
    write(writer, golden("serinus"))
    found = kubernetes.get(INFERENCE_SERVICE, "ml", NAME)
    assert found is not None
    run(writer.delete(KEY, INFERENCE_SERVICE, found))
    assert len(kubernetes.requests) == 1


def test_a_cache_that_lags_behind_our_own_write_is_waited_for(kubernetes: FakeKubernetes, writer: ObjectWriter) -> None:
    write(writer, golden("route-split"))
    before = kubernetes.get(HTTP_ROUTE, "ml", "flight-delay")
    write(writer, golden("route-match"))
    fresh, kubernetes.get = kubernetes.get, lambda *_: before  # type: ignore[method-assign]
    write(writer, golden("route-match"))
    kubernetes.get = fresh  # type: ignore[method-assign]
    assert len(kubernetes.requests) == 2
