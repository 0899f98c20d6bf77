"""What the embedded runtime is put together from."""

from pathlib import Path

from serinus.adapters.collector_quality import CollectorQuality
from serinus.adapters.prometheus_api import PrometheusApi
from serinus.local.compose import Options, local_runtime
from tests.fakes.world import deployment


def test_who_holds_connections_is_closed_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "modeldeployment.yaml"
    file.write_text(deployment().model_dump_json(by_alias=True, exclude_none=True))
    runtime = local_runtime(Options(file, tmp_path / "state", prometheus_url="http://127.0.0.1:1"))
    assert {CollectorQuality, PrometheusApi} <= {type(one) for one in runtime._closing}
