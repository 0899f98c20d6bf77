"""A program that serves until it is killed: `python run_backend.py FOLDER PORT` (see test_local_serving)."""

import asyncio
import sys
from pathlib import Path

from tests.local.harness import KEY, eventually, new_backend, plan, revision


async def main(folder: Path, port: int) -> None:
    serving, _ = new_backend(folder, port)
    await serving.start()
    await serving.apply(KEY, plan(revision("aaa"), revision("bbb"), weights={"aaa": 50, "bbb": 50}))

    async def is_up() -> bool:
        seen = await serving.observe(KEY)
        return seen.ready("aaa") and seen.ready("bbb")

    await eventually(is_up, "both revisions are ready")
    print("up", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
