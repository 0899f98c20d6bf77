"""`serinus`: every command in one place. Heavy imports happen inside the command that needs them."""

import typer

from serinus.cli import act, backtest, demo, explain, get, history, labels, lint, operator, report, retrain, run, train
from serinus.cli.exits import EPILOG

app = typer.Typer(
    name="serinus",
    help="Release machine-learning models safely: train, release, judge, promote or roll back, with the reason.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
plugin = typer.Typer(
    name="kubectl-serinus",
    help="See and steer the rollouts of ModelDeployments in a cluster.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("train", epilog=EPILOG)(train.train)
app.command("report", epilog=EPILOG)(report.report)
app.command("backtest", epilog=EPILOG)(backtest.backtest)
app.command("run", epilog=EPILOG)(run.run)
for one in (app, plugin):
    one.command("get", epilog=EPILOG)(get.get)
    one.command("explain", epilog=EPILOG)(explain.explain)
    one.command("history", epilog=EPILOG)(history.history)
    one.command("retrain", epilog=EPILOG)(retrain.retrain)
    for verb in act.HELP:
        one.command(verb, help=act.help_of(verb), epilog=EPILOG)(act.asking(verb))
app.add_typer(labels.app)
app.command("operator", context_settings=operator.CONTEXT, epilog=EPILOG)(operator.operator)
app.command("lint", epilog=EPILOG)(lint.lint)
app.command("demo", epilog=EPILOG)(demo.demo)
