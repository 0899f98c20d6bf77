"""Histories to replay, each with its ModelDeployment and training file beside this one."""

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent


def flights() -> pd.DataFrame:
    """The example's flights of 2013."""
    from serinus.training.flights import load

    return load()


def elec2(data: Path) -> pd.DataFrame:
    """The electricity market, half-hourly from 7 May 1996 on; the file tells no dates."""
    frame = pd.read_csv(data / "elec2.csv")
    times = pd.date_range("1996-05-07", periods=len(frame), freq="30min", tz="UTC")
    return frame.assign(at=times).rename(columns={"class": "up"})


def employment(data: Path) -> pd.DataFrame:
    """The census. It tells only the year: people are spread evenly over it, in an order drawn with a fixed seed.

    In the order of the file all people in institutions come together at the end of 2017 and at the beginning of 2018.
    """
    names = ("reference", "analysis", "analysis_target")
    first, later, labels = (pd.read_parquet(data / f"employment_ma_{name}.parquet") for name in names)
    frame = pd.concat([first, later.merge(labels, on="id", validate="one_to_one")], ignore_index=True)
    frame = frame.sample(frac=1, random_state=0).sort_values("year", kind="stable", ignore_index=True)
    place = frame.groupby("year").cumcount() / frame.groupby("year")["id"].transform("size")
    years = pd.to_datetime(frame["year"].astype(str) + "-01-01", utc=True)
    text = frame.select_dtypes("category").columns
    return frame.assign(at=years + pd.to_timedelta(place * 365, unit="D"), **frame[text].astype(str))


def shared_data() -> Path | None:
    """The folder that SERINUS_DATA names, with elec2.csv and employment_ma_*.parquet; None where it is not there."""
    folder = Path(os.environ.get("SERINUS_DATA", ""))
    return folder if (folder / "elec2.csv").is_file() else None


def makers() -> dict[str, Callable[[], pd.DataFrame]]:
    """What makes each history that can be had here."""
    data = shared_data()
    made: dict[str, Callable[[], pd.DataFrame]] = {"flights": flights}
    return made if data is None else {**made, "elec2": lambda: elec2(data), "employment": lambda: employment(data)}
