"""A state as one string: it comes back the same, stays small, and a damaged one is told from none."""

import base64
import zlib

import pytest

from serinus.core.errors import StateUnreadable
from serinus.core.state import Phase, RolloutRecord, RolloutState
from serinus.kubernetes.checkpoint import LONGEST, decoded, encoded, fitting
from tests.fakes.world import rolling_out


@pytest.fixture(scope="module")
def state() -> RolloutState:
    """In mid-rollout, with evidence."""
    simulated = rolling_out()
    simulated.until_phase(Phase.STABLE)
    simulated.ask_version("3")
    simulated.until_phase(Phase.PROGRESSING)
    for _ in range(70):
        simulated.tick()
        if simulated.state.phase is not Phase.PROGRESSING:
            break
    return simulated.state


def test_a_state_comes_back_the_same(state: RolloutState) -> None:
    assert decoded(encoded(state)) == state


def test_a_state_in_mid_rollout_takes_a_few_kilobytes(state: RolloutState) -> None:
    assert len(encoded(state)) < 8 * 1024


@pytest.mark.parametrize(
    "text",
    [
        "zlib:",
        "zlib:!!!!",
        "zlib:" + base64.b64encode(b"not zlib").decode(),
        "zlib:" + base64.b64encode(zlib.compress(b"{}")).decode(),
        "zlib:" + base64.b64encode(zlib.compress(b"[" * 100)).decode(),
        "v9:abc",
        "{}",
        "zlib:" + base64.b64encode(zlib.compress(b"0" * 20_000_000)).decode(),
    ],
    ids=["empty", "no base64", "no zlib", "no state", "no json", "another format", "plain", "a bomb"],
)
def test_what_is_no_checkpoint_is_unreadable_and_says_what_to_do(text: str) -> None:
    with pytest.raises(StateUnreadable, match=r"status.checkpoint cannot be read .*; put the status back"):
        decoded(text)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_half_a_checkpoint_is_unreadable(state: RolloutState, share: float) -> None:
    text = encoded(state)
    with pytest.raises(StateUnreadable):
        decoded(text[: int(len(text) * share)])


def test_what_a_registry_is_owed_for_months_does_not_outgrow_the_object(state: RolloutState) -> None:
    record = state.history[0].model_copy(update={"curve": state.rollout.curve if state.rollout else ()})
    owed = tuple(numbered(record, number) for number in range(3000))
    kept, text = fitting(state.model_copy(update={"unrecorded": owed}))
    assert len(text) <= LONGEST
    assert decoded(text) == kept
    assert kept.unrecorded[-1].id == owed[-1].id, "the newest is kept"
    assert kept.model_copy(update={"unrecorded": ()}) == state.model_copy(update={"unrecorded": ()})


def test_what_fits_is_kept_whole(state: RolloutState) -> None:
    assert fitting(state) == (state, encoded(state))


def numbered(record: RolloutRecord, number: int) -> RolloutRecord:
    """Records whose text does not compress to nothing."""
    noise = "".join(f"{number * 7919 + index * 104_729:x}" for index in range(20))
    return record.model_copy(update={"id": f"{number}-x", "message": noise})
