"""Manifests of the Standard backend, against goldens and rule by rule."""

import re
from typing import Any

import pytest
import yaml

from serinus.adapters import manifests
from serinus.adapters.inference_service import edges_of, ending_gently, inference_service, revision_name, revision_of
from serinus.adapters.serving_runtimes import Runtime, name_args, name_env, runtime_of
from serinus.core.plan import Role, ServedRevision
from serinus.core.revision import Artifact
from serinus.core.spec.metadata import MAX_NAME
from serinus.ports import Key
from tests.adapters.standard.cases import INFERENCE_SERVICES, ROUTES
from tests.adapters.standard.support import KEY, MLSERVER, SERINUS, SKLEARN, golden, named, owner, revision, served

MAKES = {**INFERENCE_SERVICES, **ROUTES}
LABEL = re.compile(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?")


@pytest.mark.parametrize("name", MAKES)
def test_a_manifest_is_as_its_golden_says(name: str) -> None:
    made = MAKES[name]()
    assert made == golden(name), f"{name}.yaml should be:\n{yaml.safe_dump(made, sort_keys=False)}"


@pytest.mark.parametrize("name", MAKES)
def test_making_a_manifest_twice_gives_the_same(name: str) -> None:
    assert MAKES[name]() == MAKES[name]()


@pytest.mark.parametrize("deployment", ["a", "flight-delay", "a" * MAX_NAME])
@pytest.mark.parametrize("namespace", ["ml", "kubeflow-user-example-com", "n" * 35])
@pytest.mark.parametrize("component", ["predictor", "transformer", "explainer"])
def test_names_that_follow_from_legal_ones_are_legal(deployment: str, namespace: str, component: str) -> None:
    service = f"{revision_name(Key(namespace, deployment), '0123456789')}-{component}"
    assert LABEL.fullmatch(service)
    assert LABEL.fullmatch(f"isvc.{service}")  # KServe's label on Deployment and pods
    assert LABEL.fullmatch(f"{service}-{namespace}")  # and its host name


def test_a_revisions_name_says_what_it_is_where_there_is_room() -> None:
    assert revision_name(Key("ml", "a" * MAX_NAME), "0123456789") == "a" * MAX_NAME + "-0123456789"


def test_long_names_that_begin_alike_differ() -> None:
    one, other = (Key("n" * 30, "a" * 30 + end) for end in ("one", "two"))
    assert revision_name(one, "0123456789") != revision_name(other, "0123456789")


def test_pods_answer_on_for_a_while_when_they_are_ended() -> None:
    hook = {"preStop": {"sleep": {"seconds": 5}}}
    spec = ending_gently(golden("template"), 5)["spec"]
    assert spec["predictor"]["model"]["lifecycle"] == hook
    assert spec["transformer"]["containers"][0]["lifecycle"] == hook
    assert ending_gently(golden("own-container"), 5)["spec"]["predictor"]["containers"][0]["lifecycle"] == hook


def test_how_a_template_ends_its_pods_is_left_alone() -> None:
    own = {"preStop": {"exec": {"command": ["drain"]}}}
    asked = owner({"template": {"predictor": {"model": {"lifecycle": own}}}})
    made = ending_gently(inference_service(KEY, asked, served(asked), SERINUS), 5)
    assert made["spec"]["predictor"]["model"]["lifecycle"] == own


def test_a_revision_can_be_read_back_from_its_object() -> None:
    asked = owner(
        {"resources": {"requests": {"cpu": "1"}}, "template": {"annotations": {"serinus.dev/revision-content": "x"}}}
    )
    one = served(asked)
    made = inference_service(KEY, asked, one, SERINUS)
    assert revision_of(made) == one.revision


@pytest.mark.parametrize("content", [None, "", "{}", "not JSON", '{"id": "other"}'])
def test_a_revision_that_cannot_be_read_back_is_not_guessed(content: str | None) -> None:
    asked = owner()
    made = inference_service(KEY, asked, served(asked), SERINUS)
    made["metadata"]["annotations"]["serinus.dev/revision-content"] = content
    assert revision_of(made) is None


def test_the_users_template_is_left_as_it_is() -> None:
    template = {"predictor": {"model": {"args": ["--x"]}}, "transformer": {"containers": [{"image": "i"}]}}
    asked = owner({"template": template})
    one = served(asked)
    before = yaml.safe_dump(one.revision.template)
    inference_service(KEY, asked, one, SERINUS)
    assert yaml.safe_dump(one.revision.template) == before


def test_every_revision_of_a_stock_runtime_answers_under_the_deployments_name() -> None:
    asked = owner({"runtime": "kserve-sklearnserver"})
    made = [inference_service(KEY, asked, served(asked, name), SKLEARN) for name in ("aaaaaaaaaa", "bbbbbbbbbb")]
    models = [one["spec"]["predictor"]["model"] for one in made]
    assert [model["args"] for model in models] == [["--model_name=flight-delay"]] * 2


@pytest.mark.parametrize(
    ("runtime", "args"),
    [
        (named("a", ["--model_name={{.Name}}", "--port=1"]), ["--model_name=m"]),
        (named("a", ["--model_name", "{{ .Name }}"]), ["--model_name", "m"]),
        (named("a", ["serve", "--name={{- .Name -}}-x"]), ["--name=m-x"]),
        (named("a", ["--model={{.Labels.modelClass}}"]), []),
        (named("a", []), []),
        (runtime_of("kserve-sklearnserver", None), ["--model_name=m"]),
        (runtime_of("somebodys", None), []),
    ],
)
def test_arguments_with_the_inference_services_name_are_given_again(runtime: Runtime, args: list[str]) -> None:
    assert name_args(runtime, "m") == args


def test_variables_with_the_inference_services_name_are_given_again() -> None:
    assert name_env(named("a", [], {"NAME": "{{.Name}}", "OTHER": "x"}), "m") == {"NAME": "m"}
    assert name_env(MLSERVER, "m") == {"MLSERVER_MODEL_NAME": "m"}
    assert name_env(SKLEARN, "m") == {}


def test_a_copy_of_the_serinus_runtime_is_told_what_its_predictor_needs() -> None:
    copy = runtime_of(
        "serinus-gpu", {"metadata": {"annotations": {"serving.kserve.io/server-type": "serinus"}}, "spec": {}}
    )
    asked = owner({"runtime": "serinus-gpu"})
    args = inference_service(KEY, asked, served(asked), copy)["spec"]["predictor"]["model"]["args"]
    assert "--digest=sha256:abc" in args


def test_a_model_whose_files_nobody_has_seen_is_served_without_a_digest() -> None:
    asked = owner()
    artifact = Artifact(model="flights", uri="s3://somewhere", digest="uri-sha256:abc")
    one = ServedRevision(revision(asked).model_copy(update={"artifact": artifact}), Role.STABLE)
    args = inference_service(KEY, asked, one, SERINUS)["spec"]["predictor"]["model"]["args"]
    assert not [arg for arg in args if "digest" in arg]


def test_latency_edges_can_be_read_back() -> None:
    asked = owner()
    edges = (0.0005, 0.1, 1.25, 1000 / 3000)
    made = inference_service(KEY, asked, served(asked), SERINUS, edges)
    assert sorted(edges_of(made)) == pytest.approx(sorted(edges), rel=1e-8)


def test_standard_mode_runs_at_least_one_replica() -> None:
    asked = owner({"mode": "Auto", "minReplicas": 0})
    predictor = inference_service(KEY, asked, served(asked, replicas=0), SERINUS)["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (1, 1)


def test_a_candidate_as_large_as_an_autoscaled_stable_is_allowed_that_many() -> None:
    asked = owner({"minReplicas": 1, "maxReplicas": 3})
    one = served(asked, role=Role.CANDIDATE, replicas=4)
    predictor = inference_service(KEY, asked, one, SERINUS)["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (4, 4)


@pytest.mark.parametrize(
    ("base", "over", "result"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": 1}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
        ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
    ],
)
def test_templates_merge_maps_and_replace_the_rest(
    base: dict[str, Any], over: dict[str, Any], result: dict[str, Any]
) -> None:
    assert manifests.merged(base, over) == result


@pytest.mark.parametrize(
    ("seen", "wanted", "answer"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}, True),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}]}, False),
        (None, {"a": 1}, False),
        ({"a": None}, {"a": {}}, False),
    ],
)
def test_an_object_covers_what_is_wanted(seen: Any, wanted: Any, answer: bool) -> None:
    assert manifests.covers(seen, wanted) is answer
