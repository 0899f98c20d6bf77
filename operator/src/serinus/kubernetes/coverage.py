"""What of the cluster is watched: the kinds that it has and that may be listed, also those that come later."""

import logging

from serinus.adapters.kubernetes_objects import MODEL_DEPLOYMENT
from serinus.kubernetes.discovery import Discovery
from serinus.kubernetes.intake import Intake
from serinus.kubernetes.relist import Relist
from serinus.kubernetes.watches import Watches

log = logging.getLogger(__name__)


class Coverage:
    """Keeps the watches to the kinds of the cluster."""

    def __init__(self, discovery: Discovery, relist: Relist, intake: Intake, watches: Watches) -> None:
        self._discovery = discovery
        self._relist = relist
        self._intake = intake
        self._watches = watches
        self._lacks_own_kind = False

    async def update(self) -> None:
        """Watch kinds that have appeared or become allowed, after a list of each; forget those that have gone.

        Raises ApiUnavailable, ClusterRestored.
        """
        await self._discovery.refresh()
        kinds, watched = self._discovery.watched, self._watches.kinds
        if MODEL_DEPLOYMENT not in kinds and not self._lacks_own_kind:
            log.warning("the cluster has no modeldeployments.serinus.dev; install the CustomResourceDefinition")
        self._lacks_own_kind = MODEL_DEPLOYMENT not in kinds
        for gone in set(watched) - set(kinds):
            self._intake.lost(gone)
        added = await self._relist.fill([kind for kind in kinds if kind not in watched])
        wanted = tuple(kind for kind in kinds if kind in watched or kind in added)
        self._discovery.forbidden = frozenset(kinds) - frozenset(wanted)
        if wanted != watched:
            log.info("watched are: %s", ", ".join(kind.kind for kind in wanted))
            self._watches.restart(wanted)
