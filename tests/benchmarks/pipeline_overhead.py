"""What a pipeline run costs on this machine, step by step: `python tests/benchmarks/pipeline_overhead.py [RUNS]`.

Runs the flights example as of 2013-02-01 into fresh folders. Work is what a step's function takes; overhead is the rest of
the wall time: starting KFP and the warm process (once a run), and forking and reading its environment (each step).
"""

import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from pipelines.run import run_training
from serinus.adapters.mlflow_client import registry_of

TRAINING = Path(__file__).parents[2] / "examples" / "flights" / "training.yaml"
SENTENCE = re.compile(r"^(?P<step>[^:]+): .* \((?P<seconds>[0-9.]+) s\)$")


def one_run() -> tuple[float, dict[str, float]]:
    """(wall seconds, seconds of work by step) of one run."""
    said: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run_training(TRAINING, work_dir=Path(folder), registry_uri=registry_of(Path(folder)), progress=said.append)
        wall = time.perf_counter() - started
    found = filter(None, map(SENTENCE.match, said))
    return wall, {match["step"]: float(match["seconds"]) for match in found}


def main(runs: int) -> None:
    """Print medians over `runs`."""
    results = [one_run() for _ in range(runs)]
    for step in results[0][1]:
        print(f"{step:16} {statistics.median(work[step] for _, work in results):6.1f} s of work")
    print(f"{'whole run':16} {statistics.median(wall for wall, _ in results):6.1f} s, median of {runs}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
