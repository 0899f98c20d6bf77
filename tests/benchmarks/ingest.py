"""What ingest costs as a lake grows and the window does not: `python tests/benchmarks/ingest.py [ROWS]`.

For Parquet and CSV, a lake of ROWS rows (one file a day) and one of ten times as many days; the same last week of each is
ingested by a process of its own, which also tells what it had in memory before the first row. Then the flights example.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from components.ingest.step import ingest
from serinus.training.config import TrainingConfig
from serinus.training.load import load_config

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights" / "training.yaml"
DAYS, WINDOW_DAYS = 30, 7
END = datetime(2024, 1, 1, tzinfo=UTC)
UNUSED = [f"unused_{number}" for number in range(10)]


def config(kind: str, lake: Path, as_of: datetime | None) -> TrainingConfig:
    """The last week of `lake`: two numbers, a text, and ten columns that nobody asks for."""
    return TrainingConfig.model_validate(
        {
            "model": "benchmark",
            "source": {"type": kind, "path": str(lake)},
            "timeColumn": "at",
            "target": "late",
            "task": "regression",
            "features": [
                {"name": "wind", "type": "double"},
                {"name": "distance", "type": "double"},
                {"name": "carrier", "type": "string"},
            ],
            "window": f"{24 * WINDOW_DAYS}h",
            "asOf": as_of,
            "variants": [{"name": "v", "estimator": "sklearn.linear_model.Ridge"}],
        }
    )


def write_lake(lake: Path, kind: str, days: int, rows_a_day: int) -> None:
    """One file a day, the last of which ends at END."""
    lake.mkdir()
    for back in range(1, days + 1):
        random = np.random.default_rng(back)
        first = END - timedelta(days=back)
        frame = pd.DataFrame(random.normal(size=(rows_a_day, 12)), columns=["wind", "distance", *UNUSED])
        frame["at"] = pd.date_range(first, periods=rows_a_day, freq=timedelta(days=1) / rows_a_day)
        frame["carrier"] = random.choice(["AA", "B6", "UA"], rows_a_day)
        frame["late"] = random.normal(size=rows_a_day)
        path = lake / f"{first.date()}.{kind}"
        rows = pa.Table.from_pandas(frame, preserve_index=False)
        csv.write_csv(rows, path) if kind == "csv" else pq.write_table(rows, path)


def child(kind: str, lake: str, as_of: str) -> None:
    """Ingest, and print CPU seconds, rows, and the peak of memory (MiB) before and after."""
    one = config(kind, Path(lake), datetime.fromisoformat(as_of) if as_of else None)
    with tempfile.TemporaryDirectory() as root:
        before, started = _peak(), time.process_time()  # of the CPU: what else the machine does is not counted
        _, card = ingest(one, Path(root))
        seconds = time.process_time() - started
    print(json.dumps({"seconds": seconds, "rows": card.rows, "before": before, "peak": _peak()}))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(kind: str, lake: Path, as_of: datetime | None) -> dict[str, float]:
    """What a process of its own says of it."""
    command = [sys.executable, __file__, "child", kind, str(lake), as_of.isoformat() if as_of else ""]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def main(rows: int) -> None:
    """Print a line for each lake, and the ratio of the larger to the smaller."""
    rows_a_day = rows // DAYS
    for kind in ("parquet", "csv"):
        with tempfile.TemporaryDirectory() as folder:
            small, large = Path(folder) / "small", Path(folder) / "large"
            write_lake(small, kind, DAYS, rows_a_day)
            write_lake(large, kind, 10 * DAYS, rows_a_day)
            for as_of in (END, None):
                one, ten = measured(kind, small, as_of), measured(kind, large, as_of)
                for times, told in ((1, one), (10, ten)):
                    print(
                        f"{kind:8} {'asOf' if as_of else 'latest':7} {times:3} x  {told['rows']:9,.0f} of "
                        f"{times * DAYS * rows_a_day:10,} rows  {told['seconds']:6.2f} CPU s  peak {told['peak']:6.0f} MiB "
                        f"({told['peak'] - told['before']:.0f} of them for the rows)"
                    )
                print(
                    f"{kind:8} ratio of peaks {ten['peak'] / one['peak']:.2f}, of CPU seconds {ten['seconds'] / one['seconds']:.1f}"
                )
    flights()


def flights() -> None:
    """The flights example, a month and all of it."""
    example = load_config(FLIGHTS)
    for one in (example, example.model_copy(update={"as_of": None, "window": timedelta(days=400)})):
        with tempfile.TemporaryDirectory() as root:
            started = time.perf_counter()
            _, card = ingest(one, Path(root))
            print(f"flights  {card.rows:,} of 336,776 rows  {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(*sys.argv[2:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 300_000)
