"""The report card of all gates: one table, as HTML to look at and as Markdown to read anywhere."""

from collections.abc import Iterable
from html import escape

from serinus.training.values import GateCheck, GateDecision

STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem; color: #1c2330; max-width: 75rem }
h1 { font-size: 1.3rem; margin: 0 } p { margin: .4rem 0 1rem }
table { border-collapse: collapse; width: 100% } dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem }
th, td { text-align: left; vertical-align: top; padding: .4rem .7rem; border-bottom: 1px solid #d8dde6 }
dt { color: #5a6579 } dd { margin: 0; overflow-wrap: anywhere } td.numbers { font-family: monospace; font-size: 12px }
.Pass { color: #11703a } .Fail { color: #b3261e; font-weight: 600 } .Inconclusive { color: #93590a; font-weight: 600 }
.NotAsked { color: #5a6579 }
"""
WORDS = {"Pass": "pass", "Fail": "fail", "Inconclusive": "inconclusive", "NotAsked": "not asked"}
COLUMNS = ("gate", "verdict", "reason", "what was found", "numbers")


def html_card(decision: GateDecision, *, model: str, data_digest: str) -> str:
    """A page of its own that loads nothing."""
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in _facts(decision, data_digest))
    rows = "".join(_html_row(check) for check in decision.checks)
    heads = "".join(f"<th>{name}</th>" for name in COLUMNS)
    title = escape(_title(decision, model))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style></head>'
        f"<body><h1>{title}</h1><p>{escape(decision.message)}</p><dl>{facts}</dl>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></body></html>\n"
    )


def markdown_card(decision: GateDecision, *, model: str, data_digest: str) -> str:
    """The same as Markdown."""
    lines = [f"# {_plain(_title(decision, model))}", "", _plain(decision.message), ""]
    lines += [f"* {name}: {_plain(value)}" for name, value in _facts(decision, data_digest)]
    lines += ["", _markdown_line(COLUMNS), _markdown_line(["---"] * len(COLUMNS))]
    lines += [_markdown_line(map(_plain, _cells(check))) for check in decision.checks]
    return "\n".join(lines) + "\n"


def _title(decision: GateDecision, model: str) -> str:
    return f"Gates of {model}: {decision.variant} {'passes' if decision.better else 'is refused'}"


def _facts(decision: GateDecision, data_digest: str) -> list[tuple[str, str]]:
    champion = f"version {decision.champion_version}" if decision.champion_version else "none yet"
    return [("variant", decision.variant), ("champion", champion), ("reason", decision.reason), ("data", data_digest)]


def _cells(check: GateCheck) -> tuple[str, ...]:
    verdict = WORDS[check.verdict] + ("" if check.blocking else " (does not block)")
    numbers = ", ".join(f"{name} {value:.6g}" for name, value in check.numbers.items())
    return check.name, verdict, check.reason, check.message, numbers


def _html_row(check: GateCheck) -> str:
    name, verdict, *rest, numbers = map(escape, _cells(check))
    cells = "".join(f"<td>{cell}</td>" for cell in rest)
    return (
        f'<tr><td>{name}</td><td class="{check.verdict}">{verdict}</td>{cells}<td class="numbers">{numbers}</td></tr>'
    )


def _markdown_line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, in one line of a table."""
    return escape(" ".join(text.split()), quote=False).translate({ord(c): f"\\{c}" for c in "|*_`[]"})
