"""How the report looks, in light and in dark."""

from typing import Final

# Colours after Okabe and Ito (2008), which most colour-blind people tell apart, darker on white and lighter on black.
STYLE: Final = """
:root { color-scheme: light dark;
  --page: #f6f5f1; --card: #fff; --ink: #1d1f21; --muted: #5d6268; --grid: #e4e2dc;
  --weight: #4b5563; --harm: #b84a00; --safe: #0067a5; --neutral: #6b6f76; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14161a; --card: #1d2026; --ink: #eceae4; --muted: #a3a8b0; --grid: #31353d;
  --weight: #b6bcc6; --harm: #f08a4b; --safe: #6ab7ee; --neutral: #a3a8b0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); overflow-wrap: break-word;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 54rem; margin: 0 auto; padding: 2rem 1rem 3rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .2rem 0 .8rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 .6rem; }
.eyebrow, .meta, footer { color: var(--muted); font-size: .875rem; }
.eyebrow, .why, .meta { margin: 0 0 .4rem; }
.lead { font-size: 1.06rem; margin: 0 0 1.4rem; max-width: 46rem; }
.tiles { display: flex; flex-wrap: wrap; gap: 1px; margin: 0 0 1.5rem;
  background: var(--grid); border: 1px solid var(--grid); border-radius: .6rem; overflow: hidden; }
.tiles div { flex: 1 1 auto; background: var(--card); padding: .7rem .9rem; }
dt { color: var(--muted); font-size: .8rem; }
dd { margin: 0; font-variant-numeric: tabular-nums; }
.tiles dd { font-size: 1.1rem; font-weight: 600; }
section { background: var(--card); border: 1px solid var(--grid); border-radius: .6rem; padding: 1.2rem; margin: 0 0 1.5rem; }
.rollout, .verdict { --tone: var(--neutral); }
.rollout { border-top: 4px solid var(--tone); }
.Promoted, .Pass { --tone: var(--safe); }
.RolledBack, .Fail, .Error { --tone: var(--harm); }
.badge { display: inline-block; margin-left: .4rem; padding: 0 .6rem; border: 1px solid var(--tone); border-radius: 1rem;
  color: var(--tone); font-size: .85rem; font-weight: 600; vertical-align: .1em; }
.verdict { color: var(--tone); font-weight: 600; }
figure { margin: 1rem 0; }
figure svg { display: block; width: 100%; height: auto; }
svg text { font-family: inherit; paint-order: stroke; stroke: var(--card); stroke-width: 3px; stroke-linejoin: round; }
.narrow { display: none; }
table { width: 100%; border-collapse: collapse; font-size: .92rem; margin: .8rem 0 0; }
th { text-align: left; color: var(--muted); font-size: .8rem; font-weight: 500; }
th, td { padding: .4rem .8rem .4rem 0; vertical-align: top; border-bottom: 1px solid var(--grid); }
tbody tr:last-child td { border-bottom: 0; }
.numbers td + td, .numbers th + th { text-align: right; font-variant-numeric: tabular-nums; }
details { color: var(--muted); font-size: .82rem; }
summary { cursor: pointer; }
details dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .2rem 1rem; margin: .3rem 0; }
@media (max-width: 40rem) {
  main { padding: 1.2rem .7rem 2rem; } section { padding: .9rem; } h1 { font-size: 1.5rem; }
  .wide, thead { display: none; } .narrow { display: block; }
  .tiles div { flex-basis: 40%; }
  tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--grid); } tbody tr:last-child { border-bottom: 0; }
  td, .numbers td + td { display: grid; grid-template-columns: 6.5rem 1fr; gap: .5rem; padding: .12rem 0; border: 0;
    text-align: left; }
  td::before { content: attr(data-label); color: var(--muted); font-size: .8rem; }
  .numbers td:first-child { display: block; font-weight: 600; } .numbers td:first-child::before { content: none; }
  details { grid-column: 2; } details dl { grid-template-columns: 1fr; }
}
"""
