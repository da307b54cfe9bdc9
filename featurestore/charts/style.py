"""The look of all pages: one style sheet, light and dark by what the reader's system prefers."""

from __future__ import annotations

_LIGHT = """--paper:#fff;--ink:#1b1f24;--soft:#59636e;--line:#dde1e6;--before:#c3cad2;--now:#2b5fc7;
--now-soft:rgb(43 95 199/.16);--bad:#b3261e;--good:#1a7040;--wash:#f6f7f9"""
_DARK = """--paper:#14171b;--ink:#e6e9ed;--soft:#9da7b3;--line:#2d333b;--before:#4a535e;--now:#86adff;
--now-soft:rgb(134 173 255/.2);--bad:#ff9489;--good:#74cf9b;--wash:#1b1f25"""

STYLE = (
    f"""
.fs-report{{{_LIGHT};color-scheme:light dark}}
@media (prefers-color-scheme:dark){{.fs-report{{{_DARK}}}}}
"""
    """
.fs-report{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",sans-serif;padding:clamp(16px,4vw,48px);text-align:left;overflow-wrap:break-word}
.fs-report *{box-sizing:border-box}
.fs-report main{max-width:1080px;margin:0 auto}
.fs-report h1{font-size:26px;line-height:1.25;font-weight:650;letter-spacing:-.015em;margin:0 0 4px;
overflow-wrap:anywhere}
.fs-report h2{font-size:18px;font-weight:650;letter-spacing:-.01em;margin:48px 0 12px;color:inherit}
.fs-report h3{font-size:15px;font-weight:650;margin:0;overflow-wrap:anywhere;color:inherit}
.fs-report p{margin:0 0 8px}
.fs-report .soft,.fs-report .type{color:var(--soft)}
.fs-report .type{font-weight:400;font-size:13px;margin-left:6px}
.fs-report a{color:inherit;text-decoration-color:var(--line);text-underline-offset:3px}
.fs-report a:hover{text-decoration-color:currentColor}
.fs-report .over-title{font-size:13px;color:var(--soft);margin:0 0 2px}
.fs-report .about{display:flex;flex-wrap:wrap;gap:2px 28px;margin:10px 0 20px;font-size:13.5px}
.fs-report .about div{display:flex;gap:8px}.fs-report .about dt{color:var(--soft)}
.fs-report .about dd{margin:0;overflow-wrap:anywhere}
.fs-report .lead{font-size:17px;margin:0 0 16px;max-width:60em}
.fs-report .bad{color:var(--bad)}.fs-report .good{color:var(--good)}
.fs-report strong{font-weight:650}
.fs-report .scroll{overflow-x:auto;max-width:100%}
.fs-report .scroll:focus-visible{outline:2px solid var(--now);outline-offset:2px}
.fs-report table{border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums;margin:0;
border:0;background:none;color:inherit}
.fs-report table.full{width:100%}
.fs-report th,.fs-report td{padding:5px 10px;text-align:right;vertical-align:baseline;border:0;background:none;
white-space:nowrap;color:inherit}
.fs-report th{font-weight:400;color:var(--soft)}
.fs-report tbody th{color:var(--ink)}
.fs-report th:first-child,.fs-report td:first-child{padding-left:0;text-align:left}
.fs-report th:last-child,.fs-report td:last-child{padding-right:0}
.fs-report .text{text-align:left;white-space:normal}
.fs-report tbody tr{border-top:1px solid var(--line);background:none}
.fs-report tbody th.feature{white-space:normal;overflow-wrap:anywhere;min-width:13em}
.fs-report .over{font-weight:650;color:var(--bad)}
.fs-report .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,320px),1fr));gap:36px 44px}
.fs-report .card{min-width:0;border-top:1px solid var(--line);padding-top:12px;scroll-margin-top:12px}
.fs-report .card header{display:flex;justify-content:space-between;gap:12px;align-items:baseline;margin-bottom:2px}
.fs-report .card .said{font-size:13.5px;color:var(--soft);margin:0 0 8px;min-height:1.5em}
.fs-report .card .verdict{font-size:13px;white-space:nowrap}
.fs-report .facts{width:100%;font-size:12px;margin-top:8px}
.fs-report .facts th,.fs-report .facts td{padding:2px 0 2px 6px}
.fs-report .facts th:first-child,.fs-report .facts td:first-child{padding-left:0}
.fs-report .facts .side{width:16px;padding:2px 0;text-align:left}
.fs-report .facts .side .key{margin:0}
.fs-report .facts tbody tr{border-top:0}
.fs-report .key{display:inline-block;width:10px;height:10px;border-radius:2px;vertical-align:-1px;margin-right:6px}
.fs-report .key.before{background:var(--before)}
.fs-report .key.now{background:var(--now)}
.fs-report .legend{display:flex;flex-wrap:wrap;gap:4px 24px;font-size:13.5px;margin:20px 0}
.fs-report footer{margin-top:56px;padding-top:12px;border-top:1px solid var(--line);font-size:13px;color:var(--soft)}
.fs-report svg{display:block;max-width:100%;height:auto;font:11px system-ui,-apple-system,"Segoe UI",Roboto,
sans-serif;font-variant-numeric:tabular-nums}
.fs-report .card svg{width:100%;max-width:440px}
.fs-report .card .facts+svg,.fs-report .card .scroll+svg{margin-top:14px}
.fs-report .graph svg{width:100%}
.fs-report .brief{display:none}
.fs-report svg text{fill:var(--soft)}
.fs-report svg .middle{text-anchor:middle}
.fs-report svg .end{text-anchor:end}
.fs-report svg .note{font-size:10px}
.fs-report svg .name,.fs-report svg .node-name{fill:var(--ink)}
.fs-report svg .before{fill:var(--before)}
.fs-report svg .now{fill:var(--now);fill-opacity:.85}
.fs-report svg .now.over{fill:var(--now-soft);stroke:var(--now);stroke-width:1.5;stroke-linejoin:round;fill-opacity:1}
.fs-report svg .hover{fill:transparent}
.fs-report svg .hover:hover{fill:currentColor;fill-opacity:.07}
.fs-report svg .axis{stroke:var(--soft);stroke-opacity:.6}
.fs-report svg .grid{stroke:var(--line)}
.fs-report svg .band{fill:var(--now);fill-opacity:.14}
.fs-report svg .band.inner{fill-opacity:.24}
.fs-report svg .median{fill:none;stroke:var(--now);stroke-width:1.75;stroke-linejoin:round}
.fs-report svg .dot{fill:var(--now)}
.fs-report svg .edge{fill:none;stroke:var(--before);stroke-width:1.25}
.fs-report svg .edge.aside{stroke-dasharray:3 3}
.fs-report svg .edge:hover{stroke:var(--now)}
.fs-report svg .node rect{fill:var(--wash);stroke:var(--line)}
.fs-report svg .node.marked rect{stroke:var(--now);stroke-width:1.75}
.fs-report svg .node-name{font-size:12px}
.fs-report svg .kind{font-size:10px}
@media (max-width:640px){.fs-report .wide{display:none}.fs-report .brief{display:inline}.fs-report h1{font-size:22px}
.fs-report table.full{font-size:12.5px}.fs-report th,.fs-report td{padding:5px 4px}
.fs-report tbody th.feature{min-width:7em}.fs-report h2{margin-top:40px}}
@media print{.fs-report{padding:0}.fs-report .card{break-inside:avoid}}
"""
)
