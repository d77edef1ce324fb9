import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { OnnxRuntimeEngine } from '../../../runtime/compute/engine/onnxruntime.ts'
import type { Tensor } from '../../../runtime/data/tensor/tensor.ts'
import { torchBatch, torchExports, torchModel, torchTrajectory } from '../../support/torch-exports.ts'

const test = suite('models that PyTorch exported')

for (const { file, trajectories } of torchExports())
  test(`${file} gives PyTorch's logits`, async () => {
    const trajectory = torchTrajectory(trajectories.at(-1)!)
    const { shape, inputs } = torchBatch(trajectory, 0)
    const session = await new OnnxRuntimeEngine().load(torchModel(file))
    const [{ name, dtype }] = session.inputs as [(typeof session.inputs)[0]]
    assert.is(name, trajectory.input)
    const outputs = await session.run({ [name]: tensorOf(dtype, shape, inputs) })
    await session.close()
    const logits = new Float32Array(outputs.logits!.data.buffer, outputs.logits!.data.byteOffset)
    if (file === 'resnet-torchscript.onnx') return assert.is(logits.length, 16 * 10) // batch norm in training mode
    for (const [i, wanted] of trajectory.logits_before.entries())
      assert.ok(Math.abs(logits[i]! - wanted) < 1e-5, `logit ${i}: expected ${wanted}, found ${logits[i]}`)
  })

test.run()

function tensorOf(dtype: Tensor['dtype'], shape: readonly number[], values: readonly number[]): Tensor {
  const array = dtype === 'int64' ? BigInt64Array.from(values, BigInt) : Float32Array.from(values)
  return { dtype, shape, data: new Uint8Array(array.buffer) }
}
