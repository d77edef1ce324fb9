import { InvalidArgumentError, Option } from 'commander'
import type { TrainingDefinition } from '../../node/training/index.ts'
import type { Cli } from '../cli.ts'

/** `train`: a TypeScript file whose default export says what is trained. */
export function trainCommand(cli: Cli): void {
  cli
    .command({
      usage: 'train <file>',
      description: 'train what a TypeScript file exports as training({ model, data, ... }); waits for the result',
      async action(session, [file]) {
        const { trainFile } = await import('../train-file.ts')
        await trainFile(session, file!)
      },
    })
    .option('--out <folder>', "folder for metrics, checkpoints and model.onnx; default: one in the node's data folder")
    .option(
      '--workers <count>',
      'how many train it together, such as 4, or from 2 up to 8: 2-8; default: what the file says',
      parseWorkers,
    )
    .addOption(
      new Option('--sync <way>', 'how they are kept together; default: what the file says').choices([
        'auto',
        'diloco',
        'gradients',
      ]),
    )
    .option('--from <file>', 'a checkpoint (.safetensors) of the same model to begin with')
    .option('--name <text>', 'name of the job')
    .option('--detach', 'return as soon as the job is accepted')
}

/** `4`, or `2-8`. */
function parseWorkers(text: string): NonNullable<TrainingDefinition['workers']> {
  const [, min, max] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? []
  if (min === undefined)
    throw new InvalidArgumentError('expected a number of workers such as 4, or a range such as 2-8')
  return max === undefined ? Number(min) : { min: Number(min), max: Number(max) }
}
