"""Write every dashboard of the chart."""

import json
import sys
from pathlib import Path

from scripts.dashboards.fleet import FLEET
from scripts.dashboards.model import MODEL

FOLDER = Path(__file__).parents[2] / "charts" / "serinus" / "dashboards"
PAGES = {"model.json": MODEL, "fleet.json": FLEET}


def text(name: str) -> str:
    """What a file should hold."""
    return json.dumps(PAGES[name].json(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write them all."""
    for name in PAGES:
        (FOLDER / name).write_text(text(name), encoding="utf-8")
        sys.stdout.write(f"{FOLDER / name}\n")


if __name__ == "__main__":
    main()
