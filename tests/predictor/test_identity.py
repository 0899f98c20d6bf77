import pytest
from hypothesis import given
from hypothesis import strategies as st

from serinus.predictor.identity import identity_of, row_ids
from serinus.predictor.sampling import is_sampled


def test_the_header_names_the_request_before_the_body_does():
    assert identity_of({"x-request-id": "a"}, "b").request_id == "a"
    assert identity_of({}, "b").request_id == "b"


@pytest.mark.parametrize("unusable", ["", "two words", "l" * 201, "line\nbreak", "ümlaut"])
def test_an_id_that_no_header_can_carry_back_counts_as_none(unusable):
    made = identity_of({"x-request-id": unusable}, unusable)
    assert (made.given, len(made.request_id)) == (False, 36)
    assert identity_of({}).request_id != identity_of({}).request_id


def test_a_copy_is_known_by_the_header_of_our_gateway_or_by_the_host_that_envoy_gives_it():
    assert identity_of({"x-request-id": "a", "x-serinus-mirrored": "1"}).mirrored
    assert identity_of({"x-request-id": "a", "host": "flights.ml.example-shadow:8080"}).mirrored
    assert not identity_of({"x-request-id": "a", "host": "flights.ml.example:8080"}).mirrored


def test_a_single_row_has_the_requests_id_and_several_are_numbered():
    assert row_ids("a", 1) == ["a"]
    assert row_ids("a", 3) == ["a/0", "a/1", "a/2"]


@given(st.text(max_size=50), st.floats(0, 1), st.floats(0, 1))
def test_a_smaller_sample_is_part_of_a_larger_one(request_id, one, other):
    smaller, larger = sorted((one, other))
    assert is_sampled(request_id, larger) or not is_sampled(request_id, smaller)


def test_a_sample_has_about_its_share_of_the_requests_and_rates_0_and_1_are_exact():
    ids = [str(index) for index in range(2000)]
    assert 500 < sum(is_sampled(one, 0.3) for one in ids) < 700
    assert not any(is_sampled(one, 0) for one in ids)
    assert all(is_sampled(one, 1) for one in ids)
