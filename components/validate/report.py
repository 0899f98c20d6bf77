"""The rules and what became of them: the broken ones as text, all of them as a page of HTML."""

from collections import Counter
from html import escape

from components.validate.rules import RuleCheck
from serinus.training.config import TrainingConfig
from serinus.training.values import DataCard

ORDER = {"Fail": 0, "Skipped": 1, "Pass": 2}
WORDS = {"Fail": "broken", "Skipped": "not checked", "Pass": "kept"}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1c1e21 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid #dcdfe3 }
td { overflow-wrap: break-word; max-width: 34rem } td:nth-child(-n+3) { white-space: nowrap }
td.rows { text-align: right; white-space: nowrap }
.Fail { color: #a4161a; font-weight: 600 }
.Skipped { color: #8a5a00 }
.Pass { color: #1b6e3c }
dt { float: left; clear: left; width: 8rem; color: #5b626a } dd { margin-left: 8.5rem; overflow-wrap: anywhere }
"""


def text_table(broken: list[RuleCheck]) -> str:
    """The broken rules as lines of aligned columns."""
    lines = [("column", "rule", "rows", "what")]
    lines += [(check.column, check.rule, str(check.rows) if check.rows else "-", check.message) for check in broken]
    widths = [max(len(line[i]) for line in lines) for i in range(3)]
    return "\n".join("  " + "  ".join([*map(str.ljust, line[:3], widths), line[3]]) for line in lines)


def summary(checks: list[RuleCheck]) -> str:
    """How many rules there are and what became of them, in a sentence."""
    counts = Counter(WORDS[check.verdict] for check in checks)
    parts = [f"{counts[word]} {word}" for word in WORDS.values() if counts[word]]
    return f"{len(checks)} rules checked: {', '.join(parts)}"


def html_report(checks: list[RuleCheck], card: DataCard, config: TrainingConfig) -> str:
    """A page of its own that needs nothing else: the snapshot, and every rule with its verdict, broken ones first."""
    title = f"Training data of {config.model}"
    facts = {
        "source": card.source,
        "snapshot": card.digest,
        "rows": f"{card.rows:,} of {card.rows_in_window:,} in the window",
        "time span": f"{card.first} to {card.last}" if card.rows else "none",
    }
    rows = "\n".join(_row(check) for check in sorted(checks, key=lambda check: ORDER[check.verdict]))
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style></head>
<body>
<h1>{escape(title)}</h1>
<p class="{min(checks, key=lambda check: ORDER[check.verdict]).verdict}">{escape(summary(checks))}</p>
<dl>{"".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())}</dl>
<table>
<thead><tr><th>verdict</th><th>column</th><th>rule</th><th>asked</th><th>rows</th><th>seen</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


def _row(check: RuleCheck) -> str:
    cells = [check.column, check.rule, check.asked]
    left = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return (
        f'<tr><td class="{check.verdict}">{WORDS[check.verdict]}</td>{left}'
        f'<td class="rows">{f"{check.rows:,}" if check.rows else ""}</td><td>{escape(check.message)}</td></tr>'
    )
