/** A process with an idle and a busy engine child; prints their ids and waits to be killed. */
import { systemClock } from '../../../../runtime/base/clock.ts'
import { EngineChild } from '../../../../runtime/compute/engine/child/engine-child.ts'
import { matMulChain } from '../../../support/onnx-models.ts'

const [idle, busy] = [new EngineChild({ clock: systemClock }), new EngineChild({ clock: systemClock })]
await idle.ready
const session = await busy.load({ graph: matMulChain(8_000) })
const run = session.run({ x: { dtype: 'float32', shape: [384, 384], data: new Uint8Array(384 * 384 * 4) } })
setTimeout(() => process.stdout.write(`${idle.pid} ${busy.pid}`), 50)
await run
