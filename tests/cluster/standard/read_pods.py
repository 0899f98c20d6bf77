"""Print what PredictorMetrics reads, as JSON: to be run inside the cluster's network, where pods can be reached."""

import asyncio
import json
import os
import sys
from dataclasses import asdict

from serinus.adapters.predictor_metrics import PredictorMetrics
from serinus.adapters.scraping import Scraper
from serinus.adapters.system_clock import SystemClock
from serinus.core.errors import MetricsUnavailable
from serinus.ports import Key
from tests.cluster.standard.objects import Objects


async def main(namespace: str, name: str) -> None:
    objects, scraper = Objects(os.environ["KUBECONFIG"], namespace), Scraper()
    await objects.refresh()
    try:
        snapshot = await PredictorMetrics(objects.objects, scraper, SystemClock()).read(Key(namespace, name))
        print(json.dumps([asdict(sample) for sample in snapshot.samples], default=str))
    except MetricsUnavailable as error:
        print(json.dumps({"unavailable": str(error)}))
    finally:
        await scraper.close()
        await objects.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
