/**
 * `npm start -- ocr`: three real nodes on this machine - one that submits, two that compute - read 320 pictures of lines from
 * Moby Dick with a pretrained network, and show how well that went.
 */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { characterErrorRate, renderTextLines, textRecogniser } from '../datasets/text-lines/index.ts'
import { seededRandom } from '../runtime/base/index.ts'
import { formatBytes, formatDuration } from '../runtime/cli/figures.ts'
import { readParts } from '../runtime/data/sources/index.ts'
import { arrowFile, toRowBatch } from '../runtime/data/tensor/arrow.ts'
import { LocalCluster } from '../runtime/local-cluster/index.ts'
import { liveRows } from './live-rows.ts'

const LINES = Number(process.argv[3] ?? 320)
const SEED = 1851 // the year the book came out
const startMs = performance.now()

const folder = await mkdtemp(join(tmpdir(), 'aivida-start-'))
console.log('Starting three nodes: a submitter and two workers, talking QUIC on loopback ...')
const [cluster, lines, recogniser] = await Promise.all([
  LocalCluster.start({ workers: 2 }),
  renderTextLines({ count: LINES, random: seededRandom(SEED) }),
  textRecogniser(),
])
try {
  const model = join(folder, 'recogniser.onnx')
  const input = join(folder, 'lines.arrow')
  await writeFile(model, recogniser.model)
  await writeFile(input, arrowFile([toRowBatch({ pixels: lines.images })]))
  console.log(`Drew ${LINES} lines of Moby Dick; the workers read them with PP-OCRv4.`)

  const outputDir = join(folder, 'result')
  const job = await cluster.client.infer({ name: 'read lines', model, input, outputDir })
  const show = liveRows('lines', LINES)
  const status = await job.done({ onStatus: show })
  show(status, true)

  const read = recogniser.read(await readParts(outputDir))
  const errorRate = characterErrorRate(
    lines.texts,
    read.map(({ text }) => text),
  )
  console.log('\nWhat was written, and what was read:')
  for (const i of [0, LINES >> 1, LINES - 1])
    console.log(`  ${lines.texts[i]}\n  ${read[i]?.text}  (${((read[i]?.confidence ?? 0) * 100).toFixed(1)} % sure)`)
  console.log(`\nCharacter error rate  ${(errorRate * 100).toFixed(2)} %`)
  for (const { name, rows, shards, computeMs } of status.workers)
    console.log(`${name.padEnd(21)} ${rows} lines in ${shards} shards, ${formatDuration(computeMs)} of computing`)
  console.log(
    `Moved                 ${formatBytes(status.bytes.sent)} to the workers, ${formatBytes(status.bytes.received)} back`,
  )
  console.log(`Result                ${outputDir} (${status.shards.done} Arrow files)`)
  console.log(`Took                  ${formatDuration(performance.now() - startMs)} from the first line of output`)
  console.log(`\nNext, in this folder:
  npx aivida up                     start a node of your own, in the background
  npx aivida infer --model ${model} --input ${input}
  npx aivida invite                 a ticket, so that another machine can join: npx aivida join TICKET`)
  process.exitCode = errorRate <= 0.02 ? 0 : 1
} finally {
  await cluster.stop()
}
