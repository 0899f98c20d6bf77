"""Commands as a person types them: shown with their real output, as it comes."""

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

COMMAND_SECONDS = 180.0
LOOK_SECONDS = 0.3
PATIENCE_SECONDS = 5.0
LINE_LENGTH = 110


class DemoFailed(Exception):
    """What was seen is not what the story tells."""


class Typist:
    """Types commands. `folder`: where it begins; `environment`: what concerns nobody who looks on."""

    def __init__(self, say: Callable[[str], None], folder: Path, environment: Mapping[str, str]) -> None:
        self._say, self._folder = say, folder
        self._environment = {**os.environ, **environment}

    def export(self, name: str, value: str) -> None:
        """Set a variable of the environment; $NAME in it is its former value."""
        self._say(f"$ export {name}={value}")
        self._environment[name] = value.replace(f"${name}", self._environment.get(name, ""))

    def change_folder(self, folder: Path) -> None:
        """Go to another folder."""
        self._say(f"$ cd {folder}")
        self._folder = folder

    def type(self, *words: str) -> str:
        """Show a command and what it prints, and return that. Raises DemoFailed unless it ends well in time."""
        over = threading.Event()
        code, text = self._run(words, lambda: False, COMMAND_SECONDS, over)
        if code or over.is_set():
            raise DemoFailed(f"`{shlex.join(words)}` ended with code {code}")
        return text

    def watch(self, *words: str, until: Callable[[], bool], seconds: float) -> str:
        """The same of a command that goes on until `until` is true. Raises DemoFailed where it is not so in time."""
        late = threading.Event()
        _, text = self._run(words, until, seconds, late)
        if late.is_set() or not until():
            raise DemoFailed(f"`{shlex.join(words)}` did not show within {seconds:.0f} s what was waited for")
        return text

    def _run(
        self, words: tuple[str, ...], until: Callable[[], bool], seconds: float, late: threading.Event
    ) -> tuple[int, str]:
        self._say(f"$ {_shown(words)}")
        lines: list[str] = []
        with subprocess.Popen(
            words, cwd=self._folder, env=self._environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            over = threading.Event()
            minder = threading.Thread(target=_mind, args=(process, until, seconds, late, over), daemon=True)
            minder.start()
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    lines.append(line)
                    self._say(line.rstrip("\n"))
                code = process.wait()
            finally:
                over.set()
                if process.poll() is None:
                    process.kill()
            minder.join()
        return code, "".join(lines)


def _shown(words: tuple[str, ...]) -> str:
    """A command as it is typed; where it is long, over several lines, each of which begins with an option."""
    first, *options = shlex.join(words).split(" --")
    lines = [first]
    for option in options:
        if len(lines[-1]) + len(option) < LINE_LENGTH:
            lines[-1] += f" --{option}"
        else:
            lines.append(f"    --{option}")
    return " \\\n".join(lines)


def _mind(
    process: "subprocess.Popen[str]",
    until: Callable[[], bool],
    seconds: float,
    late: threading.Event,
    over: threading.Event,
) -> None:
    """End the process, as Ctrl-C would, when `until` is true; when it is `late`, say so and end it too."""
    timer = threading.Timer(seconds, late.set)
    timer.daemon = True
    timer.start()
    try:
        while not over.wait(LOOK_SECONDS):
            if late.is_set() or until():
                process.send_signal(signal.SIGINT)
                break
    finally:
        timer.cancel()
        if not over.wait(PATIENCE_SECONDS):
            process.kill()
