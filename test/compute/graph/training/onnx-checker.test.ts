import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { characterModel } from '../../../../notebooks/models/character-model.ts'
import { cnn } from '../../../../notebooks/models/cnn.ts'
import {
  adamw,
  crossEntropy,
  importedNetwork,
  importForTraining,
  type Layer,
  lora,
  type Network,
  readModel,
  type TensorType,
  trainingStep,
} from '../../../../runtime/compute/graph/index.ts'
import { skip } from '../../../support/skip.ts'
import { torchModel } from '../../../support/torch-exports.ts'

const CHECK = `
import sys, onnx
for path in sys.argv[1:]:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    print(path.rsplit('/', 1)[-1])
`

/** Model, inputs and batch size of each file that leaves. */
const LEAVING: Readonly<Record<string, readonly [Layer | Network, Readonly<Record<string, TensorType>>, number]>> = {
  cnn: [cnn, { images: { dtype: 'uint8', shape: [28, 28] }, labels: { dtype: 'int64', shape: [] } }, 4],
  lm: [
    lora(characterModel({ vocabulary: 20, width: 16, layers: 1 }), { rank: 2 }),
    { tokens: { dtype: 'int64', shape: [8] }, labels: { dtype: 'int64', shape: [8] } },
    4,
  ],
  imported: [
    importedNetwork(importForTraining(readModel(torchModel('resnet-unfused.onnx').graph))),
    { image: { dtype: 'float32', shape: [3, 16, 16] }, labels: { dtype: 'int64', shape: [] } },
    16,
  ],
}

test('steps, evaluations and models that leave pass the checker of ONNX, shapes included', async () => {
  const python = process.env.PEERS_PYTHON
  if (!python) return skip('set PEERS_PYTHON to a Python that has onnx')
  const folder = await mkdtemp(join(tmpdir(), 'aivida-checker-'))
  try {
    const paths: string[] = []
    for (const [name, [model, inputs, batchSize]] of Object.entries(LEAVING)) {
      const built = trainingStep({ model, loss: crossEntropy(), optimizer: adamw(), clip: 1, inputs, batchSize })
      const files = {
        step: built.step,
        evaluation: built.evaluation(),
        inference: built.inference(built.initialState()),
      }
      for (const [kind, bytes] of Object.entries(files)) {
        const path = join(folder, `${name}-${kind}.onnx`)
        await writeFile(path, bytes)
        paths.push(path)
      }
    }
    const { stdout } = await promisify(execFile)(python, ['-c', CHECK, ...paths])
    assert.equal(
      stdout.trim().split('\n'),
      paths.map((path) => path.slice(folder.length + 1)),
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test.run()
