import { redactedText } from '../../runtime/base/secrets.ts'
import { html, type Markup } from '../../runtime/node/record/report/markup.ts'

/**
 * How what is shown looks, on light paper and on dark: text has the colour of its surroundings, everything else middle tones
 * that stand out from both (after Okabe and Ito, 2008). Words in colour have at least 4.5 to 1 where the front end says which paper
 * it is (JupyterLab, VS Code). Front ends style tables and text themselves, so each rule names its class twice; of code, which they
 * name more closely, three times.
 */
const STYLE = html`<style>
.aivida.aivida { font: 13px/1.45 system-ui, sans-serif; color: inherit; max-width: 56rem; --line: rgba(128,128,128,.32); --panel: rgba(128,128,128,.1);
  --c0: #2b8cc4; --c1: #db6b1e; --c2: #16a07a; --c3: #c76a9f; --c4: #a68a1c; --c5: #5a7fd6; --c6: #868686; --c7: #9a6bd0; --good: #16a07a; --bad: #d9542b; --warn: #b98a12; }
[data-jp-theme-light="true"] .aivida.aivida, .vscode-light .aivida.aivida { --good: #0b7a59; --bad: #b93a14; --warn: #856200; }
[data-jp-theme-light="false"] .aivida.aivida, .vscode-dark .aivida.aivida { --good: #35c79b; --bad: #ff8a66; --warn: #e0b341; }
.aivida.aivida p { margin: .25em 0; } .aivida.aivida .soft, .aivida.aivida th, .aivida.aivida dt { opacity: .72; }
.aivida.aivida .good { color: var(--good); } .aivida.aivida .bad { color: var(--bad); } .aivida.aivida .warn { color: var(--warn); }
.aivida.aivida .head { display: flex; flex-wrap: wrap; gap: .1em .8em; align-items: baseline; } .aivida.aivida .head b { font-size: 1.12em; }
.aivida.aivida .tiles { display: flex; flex-wrap: wrap; gap: .5em; margin: .6em 0; } .aivida.aivida .tiles div { background: var(--panel); border-radius: 5px; padding: .3em .7em; min-width: 5.5em; }
.aivida.aivida .tiles b { display: block; font-size: 1.2em; font-weight: 600; } .aivida.aivida .tiles span { opacity: .72; font-size: .92em; }
.aivida.aivida .bar { height: 6px; border-radius: 3px; background: var(--panel); overflow: hidden; margin: .5em 0; } .aivida.aivida .bar div { height: 100%; background: var(--c0); } .aivida.aivida .bar div.good { background: var(--good); } .aivida.aivida .bar div.bad { background: var(--bad); }
.aivida.aivida .wide { overflow-x: auto; } .aivida.aivida table { border-collapse: collapse; border: 0; margin: .4em 0; font-size: 1em; font-variant-numeric: tabular-nums; table-layout: auto; width: auto; }
.aivida.aivida tbody tr:nth-child(n), .aivida.aivida tr:nth-child(n):hover { background: none; } .aivida.aivida th, .aivida.aivida td { text-align: left; vertical-align: top; padding: .2em 1em .2em 0; border: 0; border-bottom: 1px solid var(--line); background: none; max-width: 30em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; overflow-wrap: normal; color: inherit; }
.aivida.aivida th { font-weight: 500; } .aivida.aivida th small { display: block; font-weight: 400; opacity: .85; font-size: .85em; } .aivida.aivida .n { text-align: right; } .aivida.aivida td.why { white-space: normal; min-width: 14em; overflow-wrap: anywhere; } .aivida.aivida i.null { opacity: .5; }
.aivida.aivida.aivida code { font: 12px/1.4 ui-monospace, monospace; background: none; color: inherit; padding: 0; overflow-wrap: anywhere; } .aivida.aivida details { margin: .3em 0; } .aivida.aivida summary { cursor: pointer; opacity: .72; }
.aivida.aivida svg { display: block; max-width: 100%; height: auto; } .aivida.aivida svg text { fill: currentColor; opacity: .8; font: 11px system-ui, sans-serif; } .aivida.aivida .wide > svg { min-width: 26rem; } .aivida.aivida .unstyled { display: none; } .aivida.aivida td > svg { margin-top: .3em; max-width: none; } .aivida.aivida .grid { stroke: var(--line); stroke-width: 1; }
.aivida.aivida path.line, .aivida.aivida path.dots, .aivida.aivida path.faint { fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linejoin: round; } .aivida.aivida path.faint { stroke-width: 1; opacity: .55; } .aivida.aivida circle, .aivida.aivida rect.fill { fill: currentColor; }
.aivida.aivida .c0 { color: var(--c0); } .aivida.aivida .c1 { color: var(--c1); } .aivida.aivida .c2 { color: var(--c2); } .aivida.aivida .c3 { color: var(--c3); } .aivida.aivida .c4 { color: var(--c4); } .aivida.aivida .c5 { color: var(--c5); } .aivida.aivida .c6 { color: var(--c6); } .aivida.aivida .c7 { color: var(--c7); }
.aivida.aivida .legend span { margin-right: 1.1em; white-space: nowrap; } .aivida.aivida .legend span::before { content: ''; display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; background: currentColor; vertical-align: -1px; }
.aivida.aivida .images { display: flex; flex-wrap: wrap; gap: 6px; } .aivida.aivida figure { margin: 0; text-align: center; } .aivida.aivida figure { min-width: 0; } .aivida.aivida figure img { display: block; height: auto; margin: 0 auto; image-rendering: pixelated; max-width: 100%; } .aivida.aivida figcaption { font-size: .88em; opacity: .85; max-width: 14em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
</style>`

/**
 * What stands in the place of a drawing where a front end leaves out styles and pictures, as JupyterLab does with notebooks that it
 * does not trust: those that others ran.
 */
export const UNSTYLED = html`<p class="unstyled">(a chart, drawn once this notebook is trusted: in JupyterLab by the command Trust Notebook)</p>`

/** A piece of HTML as it goes to a front end: with its style, and without the secrets that are known by how they look. */
export function page(content: Markup): string {
  return redactedText(html`<div class="aivida">${STYLE}${content}</div>`.text)
}
