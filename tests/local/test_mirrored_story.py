"""BlueGreen and Shadow from end to end: `serinus run`, real predictors and gateway, and clients that never stop."""

from dataclasses import replace

import pytest

from serinus.core import reasons
from serinus.core.state import Outcome, Phase
from tests.local.support.clients import clients
from tests.local.support.deployment import Deployment
from tests.local.support.models import BETTER, GOOD, REFUSING
from tests.local.support.programs import Runtime

STEPS = "[{weight: 40, hold: 1s, minRequests: 10}, {weight: 100, hold: 1s}]"

pytestmark = pytest.mark.xdist_group("story")


def test_copies_of_requests_decide_and_clients_see_no_failure_at_all(runtime: Runtime, deployment: Deployment) -> None:
    deployment.ask_for(GOOD)
    runtime.start()
    runtime.wait_for(lambda state: state.phase is Phase.STABLE, "the first version serves")
    deployment = replace(deployment, steps=STEPS)
    with clients(runtime.port, per_second=20) as sending:
        replace(deployment, strategy="BlueGreen").ask_for(BETTER)
        better = runtime.finished(BETTER)
        replace(deployment, strategy="Shadow").ask_for(REFUSING)
        refusing = runtime.finished(REFUSING)
        runtime.wait_for(lambda state: state.phase is Phase.ROLLED_BACK, "the refusing version is taken back")
    assert (better.outcome, better.reason) == (Outcome.PROMOTED, reasons.ALL_SIGNALS_PASSED), better.message
    assert [(change.weight, change.mirror) for change in better.weights] == [(0, 0), (0, 40), (0, 100), (100, 0)]
    assert better.candidate_requests >= 10
    promoted_at = better.weights[-1].at.timestamp()
    answered = [answer for answer in sending.answers if answer.revision == better.revision]
    assert answered
    assert not [answer for answer in answered if answer.answered_at < promoted_at], "nobody saw an answer to a copy"
    assert (refusing.outcome, refusing.reason) == (Outcome.ROLLED_BACK, "ErrorsIncreased"), refusing.message
    assert refusing.candidate_failed > 0
    assert refusing.revision not in sending.by_revision()
    assert not sending.failed()
    told = [line["message"] for line in runtime.decisions()]
    assert any(message.endswith("mirrors 40 %") for message in told)
    assert runtime.end() == 130
    assert not runtime.children()
