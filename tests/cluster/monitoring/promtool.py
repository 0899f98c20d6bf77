"""promtool: whether rule files are right, what their unit tests say, and a past made of OpenMetrics text."""

import subprocess
from pathlib import Path

from tests.cluster.control_plane import builds


def check_rules(*files: Path) -> None:
    """Assert that Prometheus would load the rules. A rule that is there twice is an error too."""
    _run("check", "rules", "--lint=all", "--lint-fatal", *map(str, files))


def run_tests(*files: Path) -> None:
    """Assert that the unit tests of rule files hold; each names the files it is about, beside itself."""
    _run("test", "rules", *map(str, files))


def check_metrics(page: str) -> None:
    """Assert that a metrics page keeps Prometheus' conventions for names, types and help."""
    _run("check", "metrics", standard_input=page)


def write_blocks(open_metrics: str, data: Path) -> None:
    """Write samples with timestamps where a Prometheus that is not running yet will find them."""
    page = data.with_name("history.txt")
    page.write_text(open_metrics if open_metrics.endswith("# EOF\n") else f"{open_metrics}# EOF\n")
    _run("tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=30d", str(page), str(data))


def _run(*arguments: str, standard_input: str = "") -> str:
    builds.build((builds.PROMTOOL,))
    done = subprocess.run(
        [builds.PROMTOOL.path, *arguments], check=False, capture_output=True, text=True, input=standard_input
    )
    assert done.returncode == 0, f"promtool {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout
