"""What cannot be replayed is refused in a sentence that says what to do."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tests.backtest.support import Place, make_history

Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.drop(columns="wind"), "has no column wind, which the training file of trips declares"),
        (lambda rows: rows.rename(columns={"wind": "gust"}), r"has no column wind, .* \(it has gust\)"),
        (lambda rows: rows.assign(late=np.nan), 'no row of .* has a label in "late".*join the labels'),
        (lambda rows: rows.assign(late=1), 'every label in "late" is 1, so there is nothing to tell apart'),
        (lambda rows: rows.assign(late=rows["trip"]), 'has the label 2, and a classification has 0 and 1'),
        (lambda rows: rows.head(9), "has 9 rows, and a backtest needs 20 or more"),
        (lambda rows: rows.assign(at=rows["at"].astype(str).where(rows["trip"] != 7, "soon")), 'time column "at"'),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_replayed(place: Place, change: Change, said: str) -> None:
    place.write(change(make_history()))
    done = place.ask("--policy", "never")
    assert done.exit_code == 3
    assert re.search(said, done.stderr), done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--policy", "always"], 1, '"always" is no policy of a backtest; write some of never, scheduled'),
        (["--policy", "never:trees"], 1, 'the training file has no variant "trees"; write never: and one of linear'),
        (["--policy", ","], 1, "--policy names none"),
        (["--look", "often"], 1, '--look: "often" is not a duration'),
        (["--look", "0s"], 1, "--look: 0s is too short"),
        (["--data", "trips.xlsx"], 1, "trips.xlsx is neither Parquet nor CSV by its name"),
        (["--data", "nowhere.parquet"], 3, "nowhere.parquet"),
        (["--start", "2024-06-01"], 3, "nothing is left to replay"),
        (["--start", "2023-06-01"], 3, "no row is known to train the first version on"),
        (["--start", "2024-01-01T01:00:00"], 3, "begin later by --start, or correct the training file"),
        (["--end", "2024-01-11T03:00:00"], 3, "is shorter than one look (1 day, 0:00:00)"),
        (["--label-delay", "90d"], 3, "no label ever comes; give a longer history or a shorter delay"),
    ],
)
def test_a_question_that_makes_no_sense(place: Place, arguments: list[str], code: int, said: str) -> None:
    done = place.ask("--policy", "never", *arguments)
    assert (done.exit_code, "Traceback" in done.output) == (code, False), done.output
    assert said in " ".join(done.stderr.split())


def test_files_of_two_models_are_refused(place: Place) -> None:
    place.deploy({"model": {"name": "flights", "version": "1"}})
    done = place.ask()
    assert done.exit_code == 1
    assert 'the ModelDeployment serves "flights" and the training file trains "trips"' in done.stderr


def test_data_of_another_table_names_the_one_that_the_training_file_is_for(place: Place) -> None:
    other = place.folder / "other.parquet"
    make_history().drop(columns=["distance", "wind"]).to_parquet(other)
    done = place.ask("--data", str(other), "--policy", "never")
    assert done.exit_code == 3
    assert "the training file is for" in done.stderr
    assert "trips.csv, give its rows by --data" in done.stderr


def test_rows_that_are_not_in_time_order_are_put_into_it(place: Place) -> None:
    sorted_rows = place.result("--policy", "never")
    place.write(make_history().sample(frac=1, random_state=1))
    assert place.result("--policy", "never")["policies"][0]["metrics"] == sorted_rows["policies"][0]["metrics"]


def test_more_fits_than_allowed_end_the_backtest_and_those_made_are_kept(place: Place) -> None:
    assert place.ask("--policy", "never", "--max-fits", "1").exit_code == 0
    done = place.ask("--policy", "never", "--max-fits", "1", "--start", "2024-01-15")
    assert done.exit_code == 0
    assert "1 fits were new" in done.stderr
    again = place.ask("--policy", "never", "--max-fits", "1", "--start", "2024-01-15")
    assert "0 fits were new" in again.stderr
