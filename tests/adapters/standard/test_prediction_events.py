"""Which predictors are told to send their answers to the collector, and how."""

from typing import Any

from serinus.adapters.inference_service import inference_service
from serinus.adapters.prediction_events import keeping_events, telling
from serinus.adapters.serving_runtimes import Runtime
from tests.adapters.standard.support import KEY, SERINUS, SKLEARN, owner, revision, served

URL = "http://collector:8090"
LOG: dict[str, Any] = {"monitoring": {"log": {}}}
QUALITY = {"name": "quality", "type": "Quality", "labelHorizon": "1h"}


def predictor(runtime: Runtime, url: str = URL, serving: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    asked = owner({"runtime": runtime.name, **(serving or {})}, **spec)
    manifest = inference_service(KEY, asked, served(asked), runtime)
    told: dict[str, Any] = telling(manifest, asked, revision(asked), runtime, url)["spec"]["predictor"]
    return told


def told(runtime: Runtime, **options: Any) -> list[str]:
    return [arg for arg in predictor(runtime, **options)["model"]["args"] if "collector" in arg or "--log" in arg]


def test_nothing_is_told_where_nobody_wants_it_or_there_is_no_collector() -> None:
    assert told(SERINUS) == []
    assert told(SERINUS, url="", **LOG) == []
    assert "logger" not in predictor(SKLEARN)


def test_for_quality_alone_answers_are_told_and_no_input() -> None:
    assert told(SERINUS, rollout={"signals": [QUALITY]}) == [f"--collector-url={URL}"]
    assert "logger" not in predictor(SKLEARN, rollout={"signals": [QUALITY]}), "it cannot leave the inputs out"


def test_the_log_says_what_of_a_row_is_told() -> None:
    log = {"sampleRate": 0.25, "hash": ["name"], "drop": ["seat", "age"]}
    assert told(SERINUS, monitoring={"log": log}) == [
        f"--collector-url={URL}",
        "--log-features",
        "--log-sample-rate=0.25",
        "--log-hash=name",
        "--log-drop=seat",
        "--log-drop=age",
    ]
    assert "--model-version=7" in predictor(SERINUS, **LOG)["model"]["args"]


def test_another_runtime_is_logged_by_kserve() -> None:
    logger = predictor(SKLEARN, **LOG)["logger"]
    about = "deployment=ml%2Fflight-delay&revision=0123456789&version=7"
    assert logger == {"mode": "all", "url": f"{URL}/?{about}", "metadataHeaders": ["x-request-id", "x-serinus-copy"]}


def test_kserve_logs_no_whole_requests_where_less_was_asked_for() -> None:
    for less in ({"drop": ["name"]}, {"hash": ["name"]}, {"sampleRate": 0.5}):
        assert "logger" not in predictor(SKLEARN, monitoring={"log": less})


def test_a_logger_of_the_users_own_stays() -> None:
    own = {"mode": "request", "url": "http://elsewhere"}
    assert predictor(SKLEARN, serving={"template": {"predictor": {"logger": own}}}, **LOG)["logger"] == own


def test_what_was_told_is_kept_where_pods_must_not_be_started_anew() -> None:
    for runtime in (SERINUS, SKLEARN):
        existing = {"spec": {"predictor": predictor(runtime, **LOG)}}
        plain = {"spec": {"predictor": predictor(runtime)}}
        assert keeping_events(plain, existing)["spec"] == existing["spec"]
