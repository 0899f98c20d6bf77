"""Checking a ModelDeployment file: every problem with its field and its line."""

from serinus.lint.check import dump_deployment, lint_file, lint_text, load_deployment, read_deployment
from serinus.lint.forecast import Forecast, forecast, requests_until_verdict
from serinus.lint.labels import rows_until_verdict
from serinus.lint.problem import Level, Problem
from serinus.lint.rates import Rate, Seen
from serinus.lint.seen import SeenRates, rates_seen
from serinus.lint.unsupported import unsupported

__all__ = [
    "Forecast",
    "Level",
    "Problem",
    "Rate",
    "Seen",
    "SeenRates",
    "dump_deployment",
    "forecast",
    "lint_file",
    "lint_text",
    "load_deployment",
    "rates_seen",
    "read_deployment",
    "requests_until_verdict",
    "rows_until_verdict",
    "unsupported",
]
