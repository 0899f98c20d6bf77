"""Checking a ModelDeployment file: every problem with its field and its line."""

from serinus.lint.check import dump_deployment, lint_file, lint_text, load_deployment
from serinus.lint.forecast import Forecast, forecast, requests_until_verdict
from serinus.lint.problem import Level, Problem
from serinus.lint.unsupported import unsupported

__all__ = [
    "Forecast",
    "Level",
    "Problem",
    "dump_deployment",
    "forecast",
    "lint_file",
    "lint_text",
    "load_deployment",
    "requests_until_verdict",
    "unsupported",
]
