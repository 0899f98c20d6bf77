"""Requests by annotation: carried on as they are, or answered with a sentence; never a crash."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serinus.core.observation import Action, Verb
from serinus.kubernetes.actions import ACTION_ANNOTATION, EXAMPLE, ActionInvalid, action_of
from tests.kubernetes.samples import deployment


def asked(text: str) -> dict[str, Any]:
    return deployment(annotations={ACTION_ANNOTATION: text})


def test_a_request_is_read_as_it_was_written() -> None:
    content = {"verb": "abort", "rolloutId": "3-x", "nonce": "n1", "by": "ann"}
    assert action_of(asked(json.dumps(content))) == Action(Verb.ABORT, "n1", "3-x", "ann")


def test_who_asks_and_for_which_rollout_may_be_left_out() -> None:
    assert action_of(asked('{"verb": "retry", "nonce": "n"}')) == Action(Verb.RETRY, "n")


def test_the_example_in_the_sentence_is_accepted() -> None:
    assert action_of(asked(EXAMPLE)) is not None


@pytest.mark.parametrize("manifest", [deployment(), deployment(annotations=None), deployment(annotations={"a": "b"})])
def test_no_annotation_is_no_request(manifest: dict[str, Any]) -> None:
    assert action_of(manifest) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("promote", "it is not JSON"),
        ("[]", "it is not a JSON object"),
        ("null", "it is not a JSON object"),
        ('{"verb": "explode", "nonce": "n"}', 'verb "explode" is not one of promote, abort'),
        ('{"nonce": "n"}', 'verb "" is not one of'),
        ('{"verb": "promote"}', "nonce is missing"),
        ('{"verb": "promote", "nonce": ""}', "nonce is missing"),
        ('{"verb": "promote", "nonce": 7}', '"nonce" is not a text'),
        ('{"verb": {"a": 1}, "nonce": "n"}', '"verb" is not a text'),
        ('{"verb": "promote", "nonce": "' + "n" * 5000 + '"}', "characters; 4096 are enough"),
        ("[" * 4000, "it is not JSON"),
    ],
)
def test_what_is_not_understood_is_answered_with_a_sentence(text: str, why: str) -> None:
    with pytest.raises(ActionInvalid, match="is not understood") as caught:
        action_of(asked(text))
    assert why in str(caught.value)
    assert len(str(caught.value)) < 500


@given(st.text(max_size=200))
def test_no_text_whatever_is_a_crash(text: str) -> None:
    with contextlib.suppress(ActionInvalid):
        assert isinstance(action_of(asked(text)), Action | None)
