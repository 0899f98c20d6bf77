"""When a cron is due, in its time zone."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serinus.core.errors import SpecInvalid
from serinus.core.retraining.schedule import latest_moment, next_moment, zone_of

BERLIN: Final = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_time_zone_moves_with_summer_time() -> None:
    assert next_moment("0 3 * * *", BERLIN, at("2026-01-10T12:00")) == at("2026-01-11T02:00")
    assert next_moment("0 3 * * *", BERLIN, at("2026-07-10T12:00")) == at("2026-07-11T01:00")


def test_an_hour_that_is_left_out_is_made_up_for_right_after_it() -> None:
    assert next_moment("30 2 * * *", BERLIN, at("2026-03-28T12:00")) == at("2026-03-29T01:00")


def test_an_hour_that_comes_twice_is_due_once() -> None:
    first = next_moment("30 2 * * *", BERLIN, at("2026-10-24T12:00"))
    assert first == at("2026-10-25T00:30")
    assert next_moment("30 2 * * *", BERLIN, first) == at("2026-10-26T01:30")


def test_names_of_days_and_months_are_understood_in_small_letters() -> None:
    assert next_moment("0 3 * jan mon", "UTC", at("2026-01-01T00:00")) == at("2026-01-05T03:00")


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 0 31 4,6,9,11 *"])
def test_a_cron_that_is_never_due_is_refused_with_a_sentence(cron: str) -> None:
    with pytest.raises(SpecInvalid, match=r"is never due.*correct day and month"):
        next_moment(cron, "UTC", at("2026-01-01T00:00"))


def test_the_29th_of_february_is_due_in_a_leap_year() -> None:
    assert next_moment("0 0 29 2 *", "UTC", at("2026-01-01T00:00")) == at("2028-02-29T00:00")


@pytest.mark.parametrize("name", ["Mars/Phobos", "Europe", "/etc/passwd", "../UTC"])
def test_a_time_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(SpecInvalid, match="IANA"):
        zone_of(name)


MOMENTS = st.integers(0, 2 * 365 * 24 * 60).map(lambda minutes: at("2025-01-01T00:00") + timedelta(minutes=minutes))


@given(since=MOMENTS, hours=st.floats(0, 400), cron=st.sampled_from(["0 * * * *", "30 2 * * *", "15 3 * * 1"]))
def test_of_several_moments_the_last_one_counts_and_it_is_never_in_the_future(
    since: datetime, hours: float, cron: str
) -> None:
    now = since + timedelta(hours=hours)
    latest = latest_moment(cron, BERLIN, since, now)
    if latest is None:
        assert next_moment(cron, BERLIN, since) > now
        return
    assert since < latest <= now
    assert latest_moment(cron, BERLIN, latest, now) is None
