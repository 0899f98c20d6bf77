import re
from xml.etree import ElementTree

import pytest
from demo_stories import after, point, promoted, record, signal, story

from serinus.core.state import Outcome, RolloutRecord, WeightChange
from serinus.demo.plot import plot
from serinus.demo.report import WIDE_INCHES, render_report, what_happened
from serinus.demo.summary import Summary, client_summary, rollout_summary


def report(*records: RolloutRecord, **changes: object) -> str:
    return render_report(story(*records, **changes), records)


def drawing(one: RolloutRecord) -> ElementTree.Element:
    return ElementTree.fromstring(plot(rollout_summary(one), one.curve, WIDE_INCHES))


def texts(svg: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in svg.iter("{http://www.w3.org/2000/svg}text")]


def test_each_rollout_is_headed_by_its_versions_outcome_reason_and_message() -> None:
    page = report(promoted(), record(50))
    assert "<h2>Version 1 &rarr; 2 <span class=badge>promoted</span></h2>" in page
    assert "<h2>Version 2 &rarr; 3 <span class=badge>rolled back</span></h2>" in page
    assert "<strong>ErrorsIncreased</strong>: candidate failed 18 of 120 requests" in page


def test_the_paragraph_at_the_top_tells_the_whole_demo() -> None:
    assert what_happened(story(promoted(), record(50))).replace("\u00a0", " ") == (
        "In 98 s, 1 training gave 1 registered version, and 6,000 requests were sent. "
        "18 of them failed, each answered by a version that was then rolled back. "
        "Version 2 was promoted (AllSignalsPassed). Version 3 was rolled back (ErrorsIncreased). "
        "Version 2 is the champion."
    )


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({200: 50}, "None of them failed."),
        ({200: 50, 500: 20}, "20 of them failed, 2 of these without a version that was rolled back to explain it."),
    ],
)
def test_the_paragraph_says_whether_failures_are_explained(answers: dict[int, int], sentence: str) -> None:
    assert sentence in what_happened(story(record(), client=client_summary(answers, [])))


def test_no_text_from_outside_becomes_markup() -> None:
    evil = "<script>alert(1)</script>\"'&$x_1$"
    poisoned = record(
        message=evil,
        reason=evil,
        id=evil,
        from_version=evil,
        to_version=evil,
        signals=(signal(name=evil, verdict=evil, reason=evil, message=evil, numbers={evil: 1.0}),),
        curve=(point(20, 5, 10, 0, 0).model_copy(update={"signals": {evil: {"harmEvidence": 2.0}}}),),
    )
    page = report(poisoned, deployment=evil, quarantined=(evil,), champion=evil)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not re.search(r"""(?:class|aria-label|data-label)="[^"]*[<>]""", page)


def test_the_page_loads_nothing_from_anywhere() -> None:
    page = report(promoted(), record(50))
    assert "default-src 'none'" in page
    assert not re.search(r"""\bsrc=|<link|@import|url\((?!#)|href="(?!#)""", page)


def test_the_same_story_gives_the_same_bytes() -> None:
    assert report(promoted(), record(50)) == report(promoted(), record(50))


def test_ids_are_unique_in_the_page_so_that_no_plot_borrows_from_another() -> None:
    ids = re.findall(r'\bid="([^"]*)"', report(promoted(), record(50), record(80, "4")))
    assert len(ids) == len(set(ids))


def test_colours_follow_light_and_dark() -> None:
    page = report(record())
    assert "prefers-color-scheme: dark" in page
    drawn = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert "var(--harm)" in drawn
    assert "var(--safe)" in drawn
    assert not re.search(r"(?:fill|stroke): #", drawn)


def test_the_plot_labels_weights_curves_and_what_is_needed() -> None:
    said = texts(drawing(promoted()))
    assert {"10 %", "50 %", "100 %"} <= set(said)
    assert said.count("harm needs 80:1") == 3
    assert said.count("no harm needs 20:1") == 2
    assert {"errors: evidence, as odds", "availability: evidence, as odds"} <= set(said)


def test_a_rollout_without_a_look_still_shows_its_weight_and_says_so() -> None:
    unseen = record(curve=(), signals=())
    assert "there is no curve" in report(unseen)
    assert "10 %" in texts(drawing(unseen))


def test_a_single_look_is_drawn_as_a_dot() -> None:
    svg = drawing(record(curve=(point(20, 5, 10, 0.5, -0.5),)))
    assert svg.findall(".//{http://www.w3.org/2000/svg}use")
    assert "harm" in texts(svg)


def test_evidence_of_zero_and_of_a_billion_has_a_place() -> None:
    extreme = point(20, 5, 10, 9, 0)
    gone = {"errors": {**extreme.signals["errors"], "safetyEvidence": 0.0}}
    said = texts(drawing(record(curve=(extreme, extreme.model_copy(update={"at": after(27), "signals": gone})))))
    assert "no harm \u2193" in said


def test_a_rollout_that_ended_at_once_and_never_had_traffic_is_drawn() -> None:
    instant = record(ended_at=after(20), weights=(), curve=(), candidate_requests=0, candidate_failed=0)
    assert '<td data-label="Share">-</td>' in report(instant)


def test_a_weight_that_was_set_twice_is_labelled_once() -> None:
    twice = tuple(WeightChange(at=after(20 + seconds), weight=100) for seconds in (5, 12))
    assert texts(drawing(record(weights=twice))).count("100 %") == 1


def test_weights_from_before_the_start_are_drawn_at_the_start() -> None:
    assert texts(drawing(record(weights=(WeightChange(at=after(19), weight=25),))))


def test_a_record_that_is_gone_leaves_the_rest_of_its_section() -> None:
    page = render_report(story(record()), ())
    assert "there is no curve" in page
    assert "ErrorsIncreased" in page


def test_a_demo_without_rollouts_says_so() -> None:
    page = report(champion=None, quarantined=(), trainings=(), client=client_summary({}, []))
    assert "No rollout was finished" in page
    assert "<dt>Champion</dt><dd>none</dd>" in page


def test_every_outcome_has_a_word() -> None:
    summary: Summary = story(*(record(20 * n, str(n + 3), outcome=outcome) for n, outcome in enumerate(Outcome)))
    assert "4 rollouts: 1 promoted, 1 rolled back, 1 aborted, 1 superseded" in render_report(summary, ())


def test_a_signal_without_evidence_is_in_the_table_and_has_no_panel() -> None:
    one = promoted()
    curve = tuple(seen.model_copy(update={"signals": {**seen.signals, "drift": {"psi": 0.1}}}) for seen in one.curve)
    drawn = " ".join(texts(drawing(one.model_copy(update={"curve": curve}))))
    assert "errors: evidence" in drawn
    assert "drift" not in drawn
