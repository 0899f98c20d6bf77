"""Stands in for the pipeline's process where only its coming and going matters: it does what stands in the file `cues`.

Each line is a step event to tell, or `end` with an exit code and, for a success, the result to leave behind.
"""

import json
import sys
import time
from pathlib import Path

from pipelines.process import RESULT
from serinus.training.steps import MARKER


def main() -> None:
    folder = Path(sys.argv[1]).parent
    done = 0
    while True:
        lines = (folder / "cues").read_text().splitlines() if (folder / "cues").exists() else []
        for line in lines[done:]:
            cue = json.loads(line)
            if "end" in cue:
                if "result" in cue:
                    (folder / RESULT).write_text(json.dumps(cue["result"]))
                sys.exit(cue["end"])
            print(f"{MARKER}{json.dumps(cue)}", flush=True)
        done = len(lines)
        time.sleep(0.01)


main()
