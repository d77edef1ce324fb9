/**
 * The yardstick of the inference suite: a plain process around onnxruntime, nothing between it and the data. Started
 * with (model file, rows file, rows, row bytes, rows a batch); says `ready`, answers `go` with `done`
 * after one pass over its rows, and `outputs` with what came out.
 */
import { readFileSync } from 'node:fs'

process.env.ORT_DISABLE_TELEMETRY = '1'
const { InferenceSession, Tensor } = await import('onnxruntime-node')

const [modelFile, rowsFile, first, last, width, batch] = process.argv.slice(2)
const [from, to, columns, size] = [Number(first), Number(last), Number(width), Number(batch)]
const rowBytes = 48 * columns
const data = readFileSync(rowsFile!).subarray(from * rowBytes, to * rowBytes)
const session = await InferenceSession.create(new Uint8Array(readFileSync(modelFile!)), {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
  extra: { session: { intra_op: { allow_spinning: '0' } } },
})

/** Reads every line once; gives the outputs, which cost the pass nothing to keep. */
async function pass(): Promise<{ characters: Uint8Array[]; confidences: Uint8Array[] }> {
  const outputs: { characters: Uint8Array[]; confidences: Uint8Array[] } = { characters: [], confidences: [] }
  for (let row = 0; row < to - from; row += size) {
    const rows = Math.min(size, to - from - row)
    const pixels = new Uint8Array(data.buffer, data.byteOffset + row * rowBytes, rows * rowBytes)
    const found = await session.run({ pixels: new Tensor('uint8', pixels, [rows, 48, columns]) })
    for (const name of ['characters', 'confidences'] as const) outputs[name].push(bytesOf(found[name]!.data))
  }
  return outputs
}

function bytesOf(data: unknown): Uint8Array {
  const { buffer, byteOffset, byteLength } = data as Uint8Array
  return new Uint8Array(buffer, byteOffset, byteLength)
}

async function answer(message: unknown): Promise<void> {
  const { characters, confidences } = await pass()
  if (message === 'go') process.send?.('done')
  else process.send?.({ characters: Buffer.concat(characters), confidences: Buffer.concat(confidences) })
}

process.on('message', (message) => void answer(message))
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
