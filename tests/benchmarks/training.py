"""The whole pipeline on a year of flights, three variants, every gate: `python tests/benchmarks/training.py [COPIES]`.

The example's file with the window set to the year, one more variant and all gates, on a Parquet file of the 336,776 flights
less 2,000 golden ones. COPIES (1) repeats the rest with flight numbers of their own. Prints the seconds of each step, of the
whole run, and the largest peak memory of a process among all that the run started.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
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


def main(copies: int) -> None:
    """One run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = write_inputs(folder, copies)
        began = time.perf_counter()
        outcome = run_training(
            file,
            work_dir=folder / "state",
            registry_uri=registry_of(folder / "state"),
            progress=print,
        )
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{outcome.outcome}: {seconds:.1f} s, largest process {peak:,.0f} MiB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
