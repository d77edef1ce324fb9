/**
 * `PEERS_PYTHON=DIR/bin/python node runtime/launch/launch.js bench/training/record-torch.ts`: trains the character model in
 * PyTorch and writes what it comes to into `torch-validation.json`, which the `accuracy` suite is held to where there is no
 * PyTorch.
 */
import { writeFileSync } from 'node:fs'
import { TorchTraining } from '../peers/torch-training.ts'
import { characterTask, characterValidation } from './task.ts'
import { RATE, torchValidation } from './torch-validation.ts'

const torch = await TorchTraining.start()
if ('reason' in torch) throw new Error(torch.reason)
try {
  const record = await torchValidation(torch, await characterTask(RATE), await characterValidation())
  writeFileSync(new URL('torch-validation.json', import.meta.url), `${JSON.stringify(record, null, 2)}\n`)
  console.log(record)
} finally {
  await torch.stop()
}
