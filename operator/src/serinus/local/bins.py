"""Rows by bin on one machine: the pages of the predictor processes, and what a later run finds of them."""

import asyncio
import logging
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from serinus.adapters.bin_ledger import Ledger
from serinus.adapters.scraping import Page, Scraper
from serinus.core.errors import MetricsUnavailable
from serinus.local.files import atomic_write_text
from serinus.local.folder import StateFolder
from serinus.local.serving import LocalServing
from serinus.ports import Key

log = logging.getLogger(__name__)

KEPT: Final = 4  # files of revisions of one deployment, the latest


class ReplicaPages:
    """Implements serinus.adapters.scraped_bins.Pages."""

    def __init__(self, serving: LocalServing, scraper: Scraper) -> None:
        self._serving = serving
        self._scraper = scraper

    async def of(self, key: Key, revision: str) -> list[Page]:
        """The page of every ready replica that answers. Raises MetricsUnavailable if none of them does."""
        replicas = self._serving.replicas(key, revision)
        answers = await asyncio.gather(
            *(self._scraper.fetch(f"{url}/metrics", name) for name, url in replicas.items()), return_exceptions=True
        )
        pages = [answer for answer in answers if isinstance(answer, Page)]
        for error in (answer for answer in answers if isinstance(answer, BaseException)):
            if not pages or not isinstance(error, MetricsUnavailable):
                raise error
        return pages

    async def close(self) -> None:
        """End all connections."""
        await self._scraper.close()


class BinFiles:
    """Implements serinus.adapters.scraped_bins.Memory: one file for each of the latest revisions."""

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder

    async def load(self, key: Key, revision: str) -> Ledger | None:
        """What was saved last; a file that cannot be read is as good as none."""
        path = self._folder.bins(key) / f"{revision}.json"
        try:
            return Ledger.model_validate_json(await asyncio.to_thread(path.read_bytes))
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            log.warning("%s cannot be read (%s); its rows are counted anew", path, str(error).splitlines()[0])
            return None

    async def save(self, key: Key, revision: str, ledger: Ledger) -> None:
        """Keep it. Raises StateUnwritable."""
        folder = self._folder.bins(key)
        await asyncio.to_thread(atomic_write_text, folder / f"{revision}.json", ledger.model_dump_json(by_alias=True))
        await asyncio.to_thread(_drop_oldest, folder)


def _drop_oldest(folder: Path) -> None:
    latest_first = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in latest_first[KEPT:]:
        path.unlink(missing_ok=True)
