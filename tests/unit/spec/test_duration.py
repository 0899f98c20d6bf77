from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serinus.core.spec import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0s", timedelta()),
        ("100ms", timedelta(milliseconds=100)),
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("24h", timedelta(days=1)),
        ("1m1ms", timedelta(minutes=1, milliseconds=1)),
    ],
)
def test_a_kubernetes_duration_is_read(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "value",
    ["", "10", "m", "-5m", "5 m", "1d", "1h\n", "1e3s", "10 MB", ".5h", 10, 1.5, True, None, [], "9" * 999 + "h"],
)
def test_anything_else_is_refused_with_a_short_sentence(value: object) -> None:
    with pytest.raises(ValueError, match="write") as raised:
        parse_duration(value)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("value", [timedelta(seconds=-1), timedelta(days=10_000)])
def test_a_timedelta_out_of_bounds_is_refused(value: timedelta) -> None:
    with pytest.raises(ValueError, match="not between 0s and ten years"):
        parse_duration(value)


@given(st.integers(0, 3650 * 24 * 3_600_000))
def test_what_is_written_reads_back_equal(milliseconds: int) -> None:
    value = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(value)) == value
