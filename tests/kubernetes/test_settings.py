"""Settings from flags and environment, and the commands that read them."""

import json
import logging
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from serinus.cli.operator import CONTEXT, operator
from serinus.core.state import Phase
from serinus.kubernetes.logging import JsonFormatter, TextFormatter, configure
from serinus.kubernetes.settings import OperatorSettings
from serinus.kubernetes.telemetry import Telemetry
from tests.fakes.world import KEY, rolling_out


def settings(*flags: str) -> OperatorSettings:
    return OperatorSettings(_cli_parse_args=list(flags))


def run(*flags: str) -> tuple[int, str]:
    import typer

    app = typer.Typer(pretty_exceptions_enable=False)
    app.command(context_settings=CONTEXT)(operator)
    result = CliRunner().invoke(app, list(flags))
    return result.exit_code, result.output


def test_a_flag_wins_over_the_environment_and_that_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings().workers == 32
    monkeypatch.setenv("SERINUS_WORKERS", "3")
    assert settings().workers == 3
    assert settings("--workers", "5").workers == 5


@pytest.mark.parametrize(("text", "names"), [("", ()), ("a", ("a",)), ("a, b,", ("a", "b"))])
def test_namespaces_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch, text: str, names: tuple[str, ...]) -> None:
    monkeypatch.setenv("SERINUS_NAMESPACES", text)
    assert settings().namespaces == names


def test_what_kubernetes_itself_puts_into_the_environment_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERINUS_PORT", "SERINUS_SERVICE_HOST", "SERINUS_OPERATOR_METRICS_PORT"):
        monkeypatch.setenv(name, "tcp://10.96.0.7:8080")
    assert settings().listen_port == 8080


@pytest.mark.parametrize(
    "flags",
    [
        ("--workers", "0"),
        ("--workers", "many"),
        ("--relist-seconds", "-1"),
        ("--relist-seconds", "nan"),
        ("--lease-duration-seconds", "3", "--lease-renew-seconds", "2"),
        ("--gateway", "no-slash"),
        ("--scheme", "ftp"),
        ("--listen-port", "70000"),
        ("--prometheus-url", "prometheus:9090"),
        ("--prometheus-url", "http://prometheus:99999"),
        ("--prometheus-template", "linkerd"),
        ("--prometheus-token", "a", "--prometheus-username", "b"),
        ("--prometheus-url", "http://prometheus:9090", "--gateway-metrics-url", "http://traefik:9100/metrics"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(flags: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        settings(*flags)
    code, output = run(*flags)
    assert code == 2
    assert "Traceback" not in output
    sentences = ("Input should be", "make it at most", "match pattern", "out of range", "give one", "leave one out")
    assert any(sentence in output for sentence in sentences), output


def test_help_lists_every_setting() -> None:
    code, output = run("--help")
    assert code == 0
    for name in OperatorSettings.model_fields:
        assert f"--{name.replace('_', '-')}" in output, name
    assert "SERINUS_RELIST_SECONDS" in output


def test_a_flag_that_does_not_exist_is_wrong_usage() -> None:
    assert run("--bogus")[0] == 2


def test_no_cluster_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
    code, output = run("--log-format", "text")
    assert code == 3
    assert "there is no cluster to work in" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("content", [b"", b"hello", b"a: [1", b"\xff\xfe", b"kind: Config", b"- 1"])
def test_a_file_that_is_no_kubeconfig_is_a_sentence(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_bytes(content)
    code, output = run("--kubeconfig", str(file), "--log-format", "text")
    assert code == 3
    assert f"{file} is not a kubeconfig" in output
    assert "Traceback" not in output


def record(**extra: object) -> logging.LogRecord:
    made = logging.LogRecord("serinus.x", logging.WARNING, __file__, 1, "it is %s", ("bad",), None)
    made.__dict__.update(extra)
    return made


def test_a_log_line_is_one_json_object() -> None:
    line = json.loads(JsonFormatter().format(record(key="ml/a", reason="Bad", numbers={"n": 1})))
    assert {name: line[name] for name in ("level", "message", "key", "reason", "numbers")} == {
        "level": "WARNING",
        "message": "it is bad",
        "key": "ml/a",
        "reason": "Bad",
        "numbers": {"n": 1},
    }
    assert "\n" not in JsonFormatter().format(record(key="a\nb"))


def test_a_line_for_people_begins_with_what_it_is_about() -> None:
    assert TextFormatter().format(record(key="ml/a", reason="Bad")).endswith("WARNING ml/a Bad: it is bad")
    assert TextFormatter().format(record()).endswith("WARNING it is bad")


def test_libraries_are_quiet() -> None:
    configure("INFO", "json")
    assert logging.getLogger("httpx2").level == logging.WARNING
    assert logging.getLogger("serinus").getEffectiveLevel() == logging.INFO
    logging.getLogger().handlers.clear()


def test_metrics_show_the_share_that_is_copied_beside_the_weight() -> None:
    telemetry, simulated = Telemetry(), rolling_out(strategy="Shadow")
    simulated.until(lambda state: bool(state.rollout and state.rollout.mirror))
    telemetry.seen(KEY, simulated.state)
    text = telemetry.text().decode()
    assert 'serinus_candidate_mirror{deployment="flights",namespace="ml"} 10.0' in text
    assert 'serinus_candidate_weight{deployment="flights",namespace="ml"} 0.0' in text


def test_metrics_show_phases_weights_and_evidence_of_what_is_there_now() -> None:
    telemetry, simulated = Telemetry(), rolling_out()
    for _ in range(2):
        simulated.tick()
    telemetry.seen(KEY, simulated.state)
    text = telemetry.text().decode()
    assert 'serinus_deployments{phase="Progressing"} 1.0' in text
    assert 'serinus_deployments{phase="Stable"} 0.0' in text
    assert 'serinus_candidate_weight{deployment="flights",namespace="ml"} 10.0' in text
    assert 'serinus_signal{deployment="flights",namespace="ml",number="' in text
    simulated.until_phase(Phase.STABLE)
    telemetry.seen(KEY, simulated.state)
    text = telemetry.text().decode()
    assert 'serinus_deployments{phase="Stable"} 1.0' in text
    assert 'signal="errors"' not in text
    telemetry.forget(KEY)
    assert "flights" not in telemetry.text().decode()


def test_metrics_count_answers_by_verb_kind_and_code() -> None:
    telemetry = Telemetry()
    telemetry.answered("apply", "HTTPRoute", 409)
    telemetry.reconciled(0.02, "ok")
    telemetry.missed("Pod", 3)
    telemetry.watch_queue(lambda: 7, lambda: 2)
    text = telemetry.text().decode()
    assert 'serinus_api_requests_total{code="409",kind="HTTPRoute",verb="apply"} 1.0' in text
    assert 'serinus_reconcile_seconds_count{result="ok"} 1.0' in text
    assert 'serinus_relist_missed_total{kind="Pod"} 3.0' in text
    assert "serinus_queue_depth 7.0" in text
