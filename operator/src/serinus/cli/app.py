"""`serinus`: every command in one place. Heavy imports happen inside the command that needs them."""

import typer

from serinus.cli import act, demo, get, lint, run, train
from serinus.cli.exits import EPILOG

app = typer.Typer(
    name="serinus",
    help="Release machine-learning models safely: train, release, judge, promote or roll back, with the reason.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("train", epilog=EPILOG)(train.train)
app.command("run", epilog=EPILOG)(run.run)
app.command("get", epilog=EPILOG)(get.get)
app.command("promote", epilog=EPILOG)(act.promote)
app.command("abort", epilog=EPILOG)(act.abort)
app.command("retry", epilog=EPILOG)(act.retry)
app.command("pause", epilog=EPILOG)(act.pause)
app.command("resume", epilog=EPILOG)(act.resume)
app.command("rollback", epilog=EPILOG)(act.rollback)
app.command("lint", epilog=EPILOG)(lint.lint)
app.command("demo", epilog=EPILOG)(demo.demo)
