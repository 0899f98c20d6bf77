"""The ordered chains of policies. Read aloud, a chain says what Serinus does in a phase: the first that speaks decides."""

from collections.abc import Mapping
from typing import Final

from serinus.core.decision import Policy
from serinus.core.policies.analysing import (
    await_evidence_before_full_weight,
    finish_step,
    give_up_at_deadline,
    hold_while_metrics_are_unavailable,
    hold_while_step_lasts,
    pause_when_answers_drift,
    stop_when_a_signal_fails,
)
from serinus.core.policies.finishing import (
    finish_promotion,
    finish_rollback,
    take_back_a_stuck_promotion,
    wait_for_promotion,
    wait_for_rollback,
)
from serinus.core.policies.first import (
    bring_up_first_revision,
    fail_first_revision,
    serve_first_revision,
    start_over_after_failure,
    wait_for_first_revision,
)
from serinus.core.policies.mirroring import refuse_to_begin_without_a_mirror, take_back_without_a_mirror
from serinus.core.policies.people import act_on_request
from serinus.core.policies.starting import (
    begin_rollout,
    reject_candidate_that_cannot_start,
    remain_stable,
    report_unresolved_target,
    start_steps_when_candidate_is_ready,
    wait_for_candidate,
)
from serinus.core.policies.stepping import begin_pause_step, raise_capacity, shift_weight
from serinus.core.policies.superseding import abort_when_target_is_stable_again, supersede_when_target_changed
from serinus.core.policies.waiting import (
    go_on_when_pause_is_over,
    take_back_when_nobody_answers,
    wait_for_people,
)
from serinus.core.state import Phase

ALWAYS: Final[tuple[Policy, ...]] = (act_on_request,)

CHAINS: Final[Mapping[Phase, tuple[Policy, ...]]] = {
    Phase.PENDING: (
        bring_up_first_revision,
        serve_first_revision,
        fail_first_revision,
        wait_for_first_revision,
    ),
    Phase.STABLE: (report_unresolved_target, refuse_to_begin_without_a_mirror, begin_rollout, remain_stable),
    Phase.ROLLED_BACK: (report_unresolved_target, refuse_to_begin_without_a_mirror, begin_rollout, remain_stable),
    Phase.FAILED: (start_over_after_failure, wait_for_first_revision),
    Phase.DEPLOYING: (
        abort_when_target_is_stable_again,
        supersede_when_target_changed,
        take_back_without_a_mirror,
        start_steps_when_candidate_is_ready,
        reject_candidate_that_cannot_start,
        wait_for_candidate,
    ),
    Phase.PROGRESSING: (
        abort_when_target_is_stable_again,
        supersede_when_target_changed,
        stop_when_a_signal_fails,
        take_back_without_a_mirror,
        pause_when_answers_drift,
        begin_pause_step,
        raise_capacity,
        shift_weight,
        give_up_at_deadline,
        hold_while_metrics_are_unavailable,
        hold_while_step_lasts,
        await_evidence_before_full_weight,
        finish_step,
    ),
    Phase.PAUSED: (
        abort_when_target_is_stable_again,
        supersede_when_target_changed,
        stop_when_a_signal_fails,
        pause_when_answers_drift,
        go_on_when_pause_is_over,
        take_back_when_nobody_answers,
        wait_for_people,
    ),
    Phase.AWAITING_APPROVAL: (
        abort_when_target_is_stable_again,
        supersede_when_target_changed,
        stop_when_a_signal_fails,
        pause_when_answers_drift,
        take_back_when_nobody_answers,
        wait_for_people,
    ),
    Phase.PROMOTING: (
        abort_when_target_is_stable_again,
        finish_promotion,
        take_back_a_stuck_promotion,
        wait_for_promotion,
    ),
    Phase.ROLLING_BACK: (finish_rollback, wait_for_rollback),
}
