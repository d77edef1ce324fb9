import { html } from './markup.ts'

/** How a report looks: light or dark, as its reader's system is. Colours by Okabe and Ito (2008), which all eyes tell apart. */
export const STYLE = html`
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --paper: #ffffff; --line: #d9dee3; --panel: #f6f8fa;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #8c6d00; --c5: #2f7ea8; --c6: #6f6f6f; --c7: #7b4fa3; --wait: #e4e8ec; --good: #00704f; --bad: #b23b00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #9aa5b1; --paper: #14171a; --line: #343a41; --panel: #1c2126;
  --c0: #56b4e9; --c1: #ff9052; --c2: #2fd0a0; --c3: #e6a3c8; --c4: #f0e442; --c5: #8fd3ff; --c6: #b5b5b5; --c7: #c39be8; --wait: #2c333a; --good: #2fd0a0; --bad: #ff9052; } }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; } h3 { font-size: 1rem; margin: 1rem 0 .2rem; font-weight: 600; }
.sub, .note, dt { color: var(--soft); } .state-done { color: var(--good); } .state-failed, .state-cancelled { color: var(--bad); }
code, pre, .hash { font: 12.5px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .7rem; overflow-x: auto; overflow-wrap: normal; }
.tiles { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1.2rem 0; }
.tiles div { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .5rem .7rem; min-width: 6.5rem; } .tiles b { display: block; font-size: 1.25rem; font-weight: 600; white-space: nowrap; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; } td code { white-space: nowrap; } th { color: var(--soft); font-weight: 500; white-space: nowrap; } td.n, th.n { text-align: right; white-space: nowrap; } td[title] { white-space: nowrap; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .15rem 1rem; margin: 0; } dd { margin: 0; }
svg { display: block; max-width: none; } svg[role=img] { width: 100%; } .wide > svg[role=img] { width: auto; } svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
.grid { stroke: var(--line); } path.line, path.dots, path.faint { fill: none; stroke: currentColor; stroke-width: 1.8; } path.faint { stroke-width: 1; opacity: .55; } circle { fill: currentColor; }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); } .c3 { color: var(--c3); } .c4 { color: var(--c4); } .c5 { color: var(--c5); } .c6 { color: var(--c6); } .c7 { color: var(--c7); }
path.compute { fill: var(--c0); } path.reduce { fill: var(--c1); } path.waiting { fill: var(--wait); }
.legend { margin: .2rem 0 1rem; font-size: 13px; } .legend span { margin-right: 1.1rem; white-space: nowrap; } .legend span::before { content: ''; display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; background: currentColor; vertical-align: -1px; }
.legend .compute::before { background: var(--c0); } .legend .reduce::before { background: var(--c1); } .legend .waiting::before { background: var(--wait); } .legend .compute, .legend .reduce, .legend .waiting { color: var(--ink); }
summary { cursor: pointer; color: var(--soft); } @media print { body { max-width: none; } }
`
