import type { BlobRef, JobRecordDocument } from '../../../protocol/index.ts'
import { contentsOf, isTrainingRecord, scriptName, statesOf } from '../contents.ts'
import { bytes } from './figures.ts'
import { html, type Markup } from './markup.ts'

/** What a job was made from and how it can be done again: settings, hashes, classes, versions, script. */
export function provenance(record: JobRecordDocument): Markup {
  const { job, versions, request, parts } = record
  const classes = [...new Set(parts.flatMap(({ computedBy = [] }) => computedBy.map((by) => by.determinismClass)))]
  const script = request.program === 'train' ? request.script : undefined
  return html`<h2>Recipe</h2>${pairs(settingsOf(record))}
<h2>What it was made from</h2>${hashes(record)}
<h2>How to do it again</h2>
${
  isTrainingRecord(record)
    ? html`<pre>aivida jobs bundle ${job}      # on the node that submitted it
aivida jobs replay ${job}.tar  # on any machine: identical, or where it first differs</pre>`
    : html`<p>Run the same graph on the same rows; the hashes of the parts tell whether the result is the same.</p>`
}
<p class="note">Bits are equal on machines of one class. This was computed in:</p>
<ul>${classes.map((each) => html`<li><code>${each}</code></li>`)}${classes.length === 0 && html`<li>not recorded</li>`}</ul>
${pairs(Object.entries(versions))}
${script && html`<h2>Script</h2><p class="sub">${scriptName(script)}</p><pre>${script.text}</pre>`}`
}

function pairs(entries: readonly (readonly [string, string | number])[]): Markup {
  return html`<dl>${entries.map(([name, value]) => html`<dt>${name}</dt><dd><code>${value}</code></dd>`)}</dl>`
}

/** What was asked for, but paths and the script, one line a setting; of rounds what they were held by. */
function settingsOf({ request, rounds }: JobRecordDocument): [string, string][] {
  const { outputDir, name, program, ...rest } = request
  const kept = Object.entries(rest).filter(([key]) => !HIDDEN.includes(key))
  const recipes = [...new Set(rounds.map(({ recipe, aggregation }) => JSON.stringify({ ...recipe, aggregation })))]
  return [
    ...kept.flatMap(([key, value]) => flat(key, value)),
    ...recipes.flatMap((text) => flat('rounds held by', JSON.parse(text))),
  ]
}

/** Paths of the submitter's machine, and what is told elsewhere. */
const HIDDEN: readonly string[] = ['model', 'state', 'frozen', 'script']

function flat(name: string, value: unknown): [string, string][] {
  if (value === undefined || (value !== null && typeof value === 'object' && Object.keys(value).length === 0)) return []
  if (Array.isArray(value))
    return [[name, value.some((each) => typeof each === 'object') ? `${value.length} of them` : value.join(', ')]]
  if (value === null || typeof value !== 'object') return [[name, String(value)]]
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'path' || key === 'model' ? [] : flat(`${name}.${key}`, inner),
  )
}

function hashes(record: JobRecordDocument): Markup {
  const row = (what: string, { blob, sizeBytes }: BlobRef) =>
    html`<tr><td>${what}</td><td class="n">${bytes(sizeBytes)}</td><td class="hash">${blob}</td></tr>`
  const files = isTrainingRecord(record)
    ? contentsOf(record).map((content) => row(content.role, content))
    : [row('graph', record.model.graph), ...record.model.weights.map((ref) => row(ref.name, ref))]
  const last = isTrainingRecord(record) ? statesOf(record.parts, record.request).last : undefined
  return html`<div class="wide"><table><tr><th>Content</th><th class="n">Bytes</th><th>Root of its hash tree (SHA-256)</th></tr>${files}</table></div>
${last && html`<p class="note">The last state is that after step ${last.step}.</p>`}`
}
