/**
 * The yardstick of the inference suite: a plain process around onnxruntime, nothing between it and the data. Started
 * with (model file, rows file, rows, row bytes, rows a batch); answers `ready`, and for each `go` with the
 * milliseconds that one pass over its rows took.
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

async function pass(): Promise<number> {
  const start = performance.now()
  for (let row = 0; row < to - from; row += size) {
    const rows = Math.min(size, to - from - row)
    const pixels = new Uint8Array(data.buffer, data.byteOffset + row * rowBytes, rows * rowBytes)
    await session.run({ pixels: new Tensor('uint8', pixels, [rows, 48, columns]) })
  }
  return performance.now() - start
}

process.on('message', (message) => {
  if (message === 'go') void pass().then((ms) => process.send?.({ ms }))
  else process.exit(0)
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
