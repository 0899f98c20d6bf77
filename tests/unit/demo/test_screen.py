"""The demo's screens."""

import pytest

from serinus.demo.screen import Lines, LiveScreen


@pytest.mark.parametrize("screen", [Lines, LiveScreen])
def test_a_screen_shows_what_is_said(screen: type[Lines | LiveScreen], capsys: pytest.CaptureFixture[str]) -> None:
    with screen() as shown:
        shown.say("version 2 is promoted")
    assert "version 2 is promoted" in capsys.readouterr().out
