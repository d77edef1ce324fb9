import type { Cli } from '../cli.ts'

/** `sweep`: a TypeScript file whose default export says what is tried. */
export function sweepCommand(cli: Cli): void {
  cli
    .command({
      usage: 'sweep <file>',
      description:
        'try the trainings that a TypeScript file exports as sweep({ space, train, ... }); waits for the result',
      async action(session, [file]) {
        const { sweepFile } = await import('../sweep-file.ts')
        await sweepFile(session, file!)
      },
    })
    .option('--out <folder>', "folder for metrics, the table and model.onnx; default: one in the node's data folder")
    .option('--name <text>', 'name of the job')
    .option('--detach', 'return as soon as the job is accepted')
}
