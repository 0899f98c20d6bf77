"""`serinus` that asks the collector every second, not every five minutes, and judges cohorts of a second, not of a minute.

Nothing else of it is different: `python -m tests.local.support.hurried run -f ...`.
"""

from datetime import timedelta
from typing import Final

from serinus.cli.main import main
from serinus.core.retraining import due, quality, questions

TIMES: Final = ((due, "LOOK_EVERY"), (questions, "LOOK_EVERY"), (quality, "LEAST_COHORT"))

if __name__ == "__main__":
    for module, name in TIMES:
        setattr(module, name, timedelta(seconds=1))
    main()
