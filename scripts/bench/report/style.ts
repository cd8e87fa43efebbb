/** How the page looks: wide and narrow, light and dark, on paper. */
export const STYLE = `
:root { color-scheme: light dark; --text: #1c2024; --dim: #5d626b; --back: #fff; --card: #f6f7f9; --grid: #dfe2e6; --wss: #0067b8; --bare: #6c727c; --peer: #d58a00; --mark: #1c2024; --worse: #a84300; }
@media (prefers-color-scheme: dark) { :root { --text: #edeef0; --dim: #a9adb5; --back: #111214; --card: #1b1d21; --grid: #34373d; --wss: #4aa3f0; --bare: #868c96; --peer: #d9992b; --mark: #fff; --worse: #ffab70; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem clamp(.8rem, 3vw, 2.5rem) 3rem; max-width: 100rem; color: var(--text); background: var(--back); font: .94rem/1.45 system-ui, sans-serif; }
h1 { margin: .2rem 0; font-size: clamp(1.3rem, 4vw, 1.9rem); line-height: 1.2; }
h2 { margin: 2.2rem 0 .8rem; font-size: 1.35rem; }
h3 { margin: 0; font-size: 1.05rem; }
header p, .hint, .unit, figcaption p, .skipped { margin: .2rem 0; color: var(--dim); }
.hint { max-width: 60rem; }
code { padding: 0 .2em; border-radius: .2em; background: var(--grid); font-size: .92em; overflow-wrap: anywhere; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.3rem; margin: 1.2rem 0 .4rem; }
.key { display: inline-block; width: 1rem; height: .7rem; margin-right: .3rem; border-radius: .1rem; }
.key.wss { background: var(--wss); } .key.bare { background: var(--bare); } .key.peer { background: var(--peer); }
.key.line { width: 0; height: 1rem; margin: 0 .6rem -.15rem .3rem; border-left: 2px dashed var(--mark); border-radius: 0; }
.key.whisker { height: .55rem; border: solid var(--mark); border-width: 0 1.5px; border-radius: 0; background: linear-gradient(var(--mark), var(--mark)) center / 100% 1.5px no-repeat; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 33rem), 1fr)); gap: 1rem; align-items: start; }
figure { container-type: inline-size; margin: 0; padding: .9rem 1rem; border-radius: .5rem; background: var(--card); }
.plots figure:has(details[open]) { grid-column: 1 / -1; }
.unit { margin: .6rem 0 .4rem; font-size: .87rem; }
.row { display: grid; grid-template-columns: 13.6rem minmax(0, 1fr) 3.9rem 4rem; column-gap: .6rem; align-items: center; }
.row b { font-weight: 400; font-size: .95rem; line-height: 1.15; }
.row.wss b { font-weight: 650; }
.row span, .row em { text-align: right; font-style: normal; font-variant-numeric: tabular-nums; white-space: nowrap; }
.row em { color: var(--dim); }
.row svg { display: block; width: 100%; overflow: visible; }
.row .grid { stroke: var(--grid); }
.row .cut { stroke: var(--card); stroke-width: 4; }
.row .base { stroke: var(--mark); stroke-width: 2; stroke-dasharray: 4 3; }
.row .range { stroke: var(--mark); stroke-width: 1.5; }
.row text { fill: var(--dim); font-size: 12px; }
.row .dot { stroke: var(--card); stroke-width: 1.5; }
.wss .bar, .wss .dot { fill: var(--wss); } .bare .bar, .bare .dot { fill: var(--bare); } .peer .bar, .peer .dot { fill: var(--peer); }
.row .leader { stroke: var(--bare); stroke-dasharray: 1 4; }
@media (max-width: 40rem) { .glance thead small { display: none; } }
@container (max-width: 29rem) { .row { grid-template-columns: minmax(0, 1fr) 3.9rem 4rem; } .row b { grid-column: 1 / -1; margin-top: .35rem; } .row.ticks b { display: none; } }
.better { color: var(--wss) !important; } .worse { color: var(--worse) !important; font-weight: 600; } .even { color: var(--dim); }
.skipped { margin: .6rem 0 0; padding: 0; list-style: none; font-size: .87rem; }
details { margin-top: .6rem; }
summary { cursor: pointer; color: var(--dim); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0; font-size: .87rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--grid); text-align: left; white-space: nowrap; font-weight: 400; vertical-align: top; }
thead th { color: var(--dim); vertical-align: bottom; }
.glance { margin-bottom: 1.2rem; font-size: .95rem; }
.glance th { white-space: normal; min-width: 6.2rem; }
.glance th:first-child { min-width: 10rem; position: sticky; left: 0; background: var(--back); }
.glance small { display: block; color: var(--dim); }
.glance td, .glance thead th + th { text-align: right; padding: .3rem .3rem .3rem 1rem; }
@media print { :root { font-size: 11px; } body { padding: 0; } figure { break-inside: avoid; border: 1px solid var(--grid); } .scroll { overflow: visible; } * { print-color-adjust: exact; } }
`;
