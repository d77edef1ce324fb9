import { test } from 'uvu'
import { systemClock } from '../../../runtime/base/clock.ts'
import { EngineChild } from '../../../runtime/compute/engine/child/engine-child.ts'
import { engineConformance } from '../../conformance/engine.ts'

engineConformance(test, () => {
  const engine = new EngineChild({ clock: systemClock, settings: { engine: 'onnxruntime-web' } })
  return { engine, stop: () => engine.kill() }
})

test.run()
