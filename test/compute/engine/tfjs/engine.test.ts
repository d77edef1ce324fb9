import { test } from 'uvu'
import { systemClock } from '../../../../runtime/base/clock.ts'
import { EngineChild } from '../../../../runtime/compute/engine/child/engine-child.ts'
import { engineConformance } from '../../../conformance/engine.ts'

engineConformance(
  test,
  () => {
    const engine = new EngineChild({ clock: systemClock, settings: { engine: 'tfjs' } })
    return { engine, stop: () => engine.kill() }
  },
  {
    dtypes: ['float32', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'int64', 'bool'],
    otherDtype: 'model.invalid',
    wideInteger: 'tensor.content',
    unknownOperator: 'engine.unsupported-op',
  },
)

test.run()
