"""Training beside a running deployment: `serinus train` in a process of its own, with less right to the processor."""

import asyncio
import signal
import sys
from datetime import datetime
from pathlib import Path

from serinus.core.errors import TrainingFailed
from serinus.training.values import TrainingOutcome

NICE = ("nice", "-n", "10")  # clients come first


async def run_pipeline(file: Path, as_of: datetime, folder: Path) -> TrainingOutcome:
    """Train as of a moment into the registry of a state folder. Raises TrainingFailed with what the command said.

    Cancelling it ends the pipeline with all its steps.
    """
    arguments = ("-f", str(file), "--as-of", f"{as_of:%Y-%m-%dT%H:%M:%S}", "--state-dir", str(folder), "--json")
    process = await asyncio.create_subprocess_exec(
        *NICE,
        *(sys.executable, "-m", "serinus.cli", "train", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        output, errors = await process.communicate()
    except asyncio.CancelledError:
        process.send_signal(signal.SIGINT)
        await process.wait()
        raise
    if process.returncode:
        raise TrainingFailed(f"serinus train -f {file} ended with code {process.returncode}: {errors.decode().strip()}")
    return TrainingOutcome.model_validate_json(output)
