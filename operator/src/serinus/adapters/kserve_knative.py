"""Serving through KServe's Knative mode: one InferenceService, whose canaryTrafficPercent splits the requests."""

from typing import Any

from serinus.adapters.inference_service import edges_of, keeping_model
from serinus.adapters.knative_manifest import adopted, keeping_retention, keeping_scale, knative_service
from serinus.adapters.knative_objects import KNATIVE_REVISION, is_adopted
from serinus.adapters.knative_steps import Seen, Step, next_step
from serinus.adapters.knative_view import KnativeSettings, KnativeView
from serinus.adapters.kubernetes_objects import INFERENCE_SERVICE, KubernetesObjects, Owner
from serinus.adapters.object_writer import Notice, ObjectWriter, log_notice
from serinus.adapters.prediction_events import keeping_events, telling
from serinus.adapters.refusals import Refusals
from serinus.adapters.serving_runtimes import SERINUS, find_runtime
from serinus.core import reasons
from serinus.core.errors import ServingUnavailable
from serinus.core.observation import Problem, ServingObservation
from serinus.core.plan import ServingPlan
from serinus.core.spec import ServingMode
from serinus.ports import Clock, Key

REQUIRED = ((INFERENCE_SERVICE, "KServe"), (KNATIVE_REVISION, "Knative Serving"))
# KServe gives a transformer a Knative Service of its own, which the predictor's canaryTrafficPercent does not split.
WHOLE_TRANSFORMER = (
    "spec.serving.template has a transformer, which in mode Knative would take all requests at once, unjudged; "
    "use spec.serving.mode Standard, or transform inside the model"
)


class KnativeServing:
    """Implements serinus.ports.ServingBackend. What it remembers may be lost: the world is in the API server.

    `notice` is told once of each edit of somebody else's.
    """

    def __init__(
        self, objects: KubernetesObjects, clock: Clock, settings: KnativeSettings, notice: Notice = log_notice
    ) -> None:
        self._objects = objects
        self._settings = settings
        self._view = KnativeView(objects, clock, settings)
        self._writer = ObjectWriter(objects, notice)
        self._refusals = Refusals()

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone, and what is remembered of it can go too."""
        self._view.forget(key)
        self._writer.forget(key)
        self._refusals.forget(key)

    async def observe(self, key: Key) -> ServingObservation:
        """What KServe, Knative and the pods say, from the cache: no request is made."""
        statuses = self._view.statuses(key)
        return ServingObservation(
            revisions=statuses | self._refusals.failed(key, statuses),
            weights=self._view.accepted_weights(key),
            url=self._view.url(key),
            mode=str(ServingMode.KNATIVE),
            known=self._view.known(key),
            stable=self._view.stable(key),
            problem=self._problem(key) or self._refusals.problem(key, statuses),
            no_mirror="Knative copies no requests",
            changes_in=self._view.settles_in(key),
            addresses=self._view.addresses(key),
        )

    async def apply(self, key: Key, plan: ServingPlan) -> None:
        """One step on the way to the plan, if the step before it is seen to be done; called again it goes on.

        Raises ServingUnavailable, StateConflict.
        """
        owner, existing = self._objects.owner(key), self._view.service(key)
        self._view.follow(key, plan)
        served = {one.revision.id: one for one in plan.served}
        self._refusals.keep(key, served.keys())
        if not served:
            if existing is not None:
                await self._writer.delete(key, INFERENCE_SERVICE, existing)
            return
        if owner is None:
            raise ServingUnavailable(f"ModelDeployment {key} is gone; there is nothing to serve for")
        self._raise_if_missing()
        seen = self._view.seen(key)
        step = next_step(plan, seen)
        if step.revision not in served:
            return  # what is there is still being settled, and is not ours to describe
        if "transformer" in served[step.revision].revision.template.get("template", {}):
            self._refusals.note(key, step.revision, WHOLE_TRANSFORMER)
            return
        try:
            wanted = self._manifest(key, owner, plan, seen, step)
            await self._writer.write(key, INFERENCE_SERVICE, wanted, adopt=owner.deployment.spec.serving.adopt)
            self._refusals.settle(key, step.revision)
        except ServingUnavailable as error:
            if error.retriable:
                raise
            self._refusals.note(key, step.revision, str(error))

    def _manifest(self, key: Key, owner: Owner, plan: ServingPlan, seen: Seen | None, step: Step) -> dict[str, Any]:
        """The step as an InferenceService. Beside the model and the percent nothing changes on the way."""
        served = next(one for one in plan.served if one.revision.id == step.revision)
        runtime = find_runtime(self._objects, key.namespace, str(served.revision.template.get("runtime", SERINUS)))
        edges, existing = set(plan.latency_edges_seconds), self._view.service(key)
        if existing is None or seen is None or step.revision != seen.bears:
            wanted = knative_service(key, owner, served, runtime, percent=step.percent, edges_seconds=edges)
            return telling(wanted, owner, served.revision, runtime, self._settings.collector_url)
        if is_adopted(existing):
            return adopted(key, owner, step.percent)
        # Nobody waits for a rollout then: pods may be started anew for another scale.
        is_idle = seen.is_standing and seen.is_up and len(plan.weights) == 1
        edges = edges_of(existing) | (edges if is_idle else set())
        wanted = knative_service(key, owner, served, runtime, percent=step.percent, edges_seconds=edges)
        wanted = keeping_events(wanted, existing)
        if not runtime.seen and runtime.server_type != SERINUS:
            wanted = keeping_model(wanted, existing)
        return keeping_retention(wanted, existing) if is_idle else keeping_scale(wanted, existing)

    def _raise_if_missing(self) -> None:
        for kind, what in REQUIRED:
            if not self._objects.serves(kind):
                raise ServingUnavailable(
                    f"the cluster has no {kind.plural}.{kind.group}; install {what}, or choose another spec.serving.mode"
                )

    def _problem(self, key: Key) -> Problem | None:
        if trouble := self._view.trouble(key):
            return Problem(reasons.ROUTE_REFUSED, trouble)
        plan = self._view.plan(key)
        if plan.match or plan.sticky:
            what = "rollout.match" if plan.match else "rollout.sticky"
            return Problem(
                reasons.SERVING_MODE_UNAVAILABLE,
                f"{what} of ModelDeployment {key} has no effect: Knative splits requests by weight alone; "
                "use spec.serving.mode Standard, or take it out",
            )
        return None
