"""The whole pipeline on a year of flights, three variants, every gate: `python tests/benchmarks/training.py [COPIES]`.

The example's file with the window set to the year, one more variant and all gates, on a Parquet file of the 336,776 flights
less 2,000 golden ones. COPIES (1) repeats the rest with flight numbers of their own. Prints the seconds of each step, of the
whole run, and the most memory that one process, and all together, held at a moment (looked at five times a second).
"""

import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import yaml

from pipelines.run import run_training
from serinus.adapters.mlflow_client import registry_of
from serinus.training.flights import load

EXAMPLE = Path(__file__).parents[2] / "examples" / "flights" / "training.yaml"
GOLDEN_ROWS = 2000
FLIGHT_NUMBERS = 10_000  # more than any flight has
GATES = {
    "metric": "logLoss",
    "golden": {"source": {"type": "parquet", "path": "golden.parquet"}, "metrics": {"auc": 0.6}},
    "slices": {"columns": ["carrier", "origin"], "metrics": {"auc": 0.5}, "minRows": 500},
    "fairness": {"columns": ["origin"], "maxDemographicParityDifference": 0.5, "maxEqualizedOddsDifference": 0.5},
    "calibration": {"maxError": 0.2},
    "size": {"maxMebibytes": 100},
    "parity": {"rows": 500},
    "latency": {"p99": "500ms", "requestsPerSecond": 20, "duration": "10s"},
    "reproducibility": {},
}
THIRD = {
    "name": "deeper",
    "estimator": "sklearn.ensemble.HistGradientBoostingClassifier",
    "parameters": {"learning_rate": 0.05, "max_iter": 100, "max_leaf_nodes": 15, "min_samples_leaf": 300},
}


def write_inputs(folder: Path, copies: int) -> Path:
    """Rows, golden rows and the training file in `folder`; returns the file."""
    flights = load()
    golden = flights.sample(GOLDEN_ROWS, random_state=0)
    rest = flights.drop(golden.index)
    golden.to_parquet(folder / "golden.parquet", index=False)
    repeated = [rest.assign(flight=rest["flight"] + FLIGHT_NUMBERS * copy) for copy in range(copies)]
    pd.concat(repeated, ignore_index=True).to_parquet(folder / "flights.parquet", index=False)
    document = yaml.safe_load(EXAMPLE.read_text())
    document |= {"source": {"type": "parquet", "path": "flights.parquet"}, "window": "8784h", "gates": GATES}
    document["asOf"] = "2014-01-02T00:00:00Z"
    document["variants"].append(THIRD)
    file = folder / "training.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


class Memory(threading.Thread):
    """Watches the processes below this one until it is stopped; MiB of resident memory."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.largest = self.together = 0.0
        self._stopped = threading.Event()

    def run(self) -> None:
        """Look until stopped."""
        while not self._stopped.wait(0.2):
            sizes = [0.0]
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    sizes.append(process.memory_info().rss / (1 << 20))
            self.largest, self.together = max(self.largest, *sizes), max(self.together, sum(sizes))

    def stop(self) -> None:
        """End it."""
        self._stopped.set()
        self.join()


def main(copies: int) -> None:
    """One run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = write_inputs(folder, copies)
        memory, began = Memory(), time.perf_counter()
        memory.start()
        outcome = run_training(
            file,
            work_dir=folder / "state",
            registry_uri=registry_of(folder / "state"),
            progress=print,
        )
        seconds = time.perf_counter() - began
    memory.stop()
    print(
        f"{outcome.outcome}: {seconds:.1f} s; the largest process held {memory.largest:,.0f} MiB, "
        f"all together {memory.together:,.0f} MiB"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
