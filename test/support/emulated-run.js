/**
 * A program for a machine that is emulated: `node emulated-run.js FILE` runs a graph, and a training step several times, and
 * prints what they gave. Plain JavaScript, and one process: taking types off costs seconds there, and what it started
 * would run on the real machine.
 */
import { readFileSync } from 'node:fs'

process.env.ORT_DISABLE_TELEMETRY = '1'
const { engine, options, graph, step, steps } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const { InferenceSession, Tensor, env } = await import(engine)
if (env.wasm) env.wasm.numThreads = 1

const ARRAYS = { float32: Float32Array, int64: BigInt64Array }
const bytesOf = (text) => new Uint8Array(Buffer.from(text, 'base64'))
const feedsOf = (tensors) =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, data }]) => [
      name,
      new Tensor(dtype, new ARRAYS[dtype](bytesOf(data).buffer), shape),
    ]),
  )
const textOf = ({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
const textsOf = (values) => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, textOf(value)]))

const session = await InferenceSession.create(bytesOf(graph.model), options)
const outputs = await session.run(feedsOf(graph.feeds))
const training = await InferenceSession.create(bytesOf(step.model), options)
const batch = feedsOf(step.feeds)
let state = feedsOf(step.state)
for (let i = 0; i < steps; i++) {
  const found = await training.run({ ...batch, ...state })
  state = Object.fromEntries(Object.entries(step.next).map(([name, next]) => [name, found[next]]))
}
const cpuinfo = readFileSync('/proc/cpuinfo', 'latin1')
process.stdout.write(JSON.stringify({ cpuinfo, outputs: textsOf(outputs), state: textsOf(state) }))
