"""Help answers at once: it loads nothing heavy. That is looked at, not timed."""

import json
import subprocess
import sys

from serinus.cli.app import app, plugin
from serinus.core.observation import Verb
from tests.local.support.programs import program_environment

HEAVY = ("mlflow", "pandas", "numpy", "sklearn", "kfp", "kserve", "httpx", "httpx2", "lightkube", "kopf", "aiohttp")
COMMANDS = [command.name for command in app.registered_commands]
PROGRAM = f"""
import json, sys
from contextlib import redirect_stdout
from io import StringIO
from serinus.cli.main import main
said = {{}}
for command in sys.argv[1:]:
    sys.argv = ["serinus", *command.split(), "--help"]
    with redirect_stdout(StringIO()) as out:
        try:
            main()
        except SystemExit as end:
            code = end.code
    said[command] = [code or 0, out.getvalue()]
print(json.dumps([said, [name for name in {HEAVY!r} if name in sys.modules]]))
"""
INTERRUPTED_WHILE_LOADING = """
import sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
from serinus.cli.main import main
main()
"""


def run(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=program_environment(), timeout=60, check=False)


def test_help_loads_nothing_heavy() -> None:
    shown = run(PROGRAM, "", *map(str, COMMANDS))
    assert shown.returncode == 0, shown.stderr
    said, loaded = json.loads(shown.stdout)
    assert set(said) == {"", *map(str, COMMANDS)}
    for command, (code, text) in said.items():
        assert code == 0, command
        assert "usage: " in text.lower(), command
        assert "Exit codes: 0 done" in text, command
    assert loaded == []


def test_every_command_of_the_design_is_there() -> None:
    steering = {"get", "explain", "history", *Verb}
    assert {"train", "run", "lint", "demo"} | steering <= set(COMMANDS)
    assert {command.name for command in plugin.registered_commands} == steering


def test_ctrl_c_while_the_command_is_still_loading_shows_no_stack_trace() -> None:
    ended = run(INTERRUPTED_WHILE_LOADING)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
