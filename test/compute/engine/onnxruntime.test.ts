import { test } from 'uvu'
import { OnnxRuntimeEngine } from '../../../runtime/compute/engine/onnxruntime.ts'
import { engineConformance } from '../../conformance/engine.ts'

engineConformance(test, () => ({ engine: new OnnxRuntimeEngine(), stop: async () => {} }))

test.run()
