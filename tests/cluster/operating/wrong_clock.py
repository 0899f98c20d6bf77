"""The operator on a machine whose clock is wrong by as many seconds as a file says: `wrong_clock FILE operator ...`."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from serinus.adapters.system_clock import SystemClock
from serinus.cli.main import main


def run(file: Path) -> None:
    def now(_: SystemClock) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(file.read_text()))

    SystemClock.now = now  # type: ignore[method-assign]
    main()


if __name__ == "__main__":
    run(Path(sys.argv.pop(1)))
