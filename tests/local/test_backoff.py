from itertools import pairwise

from serinus.local.backoff import HEALTHY_SECONDS, next_delay


def test_the_wait_doubles_from_half_a_second_to_half_a_minute() -> None:
    delays: list[float] = []
    for _ in range(9):
        delays.append(next_delay(delays[-1] if delays else None, 0.0))
    assert delays == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert all(one <= two for one, two in pairwise(delays))


def test_a_minute_of_health_forgets_former_deaths() -> None:
    assert next_delay(30.0, HEALTHY_SECONDS - 1) == 30.0
    assert next_delay(30.0, HEALTHY_SECONDS) == 0.5
