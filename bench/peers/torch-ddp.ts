import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NamedTensors, Tensor } from '../../runtime/data/tensor/tensor.ts'
import { type TorchModel, type TorchOptimiser, TorchTraining } from './torch-training.ts'

/** PyTorch's DistributedDataParallel over gloo: processes of one thread each that average their gradients at every step. */
export class TorchDdp {
  readonly version: string
  readonly #processes: readonly TorchTraining[]
  readonly #folder: string

  private constructor(processes: readonly TorchTraining[], folder: string) {
    this.#processes = processes
    this.#folder = folder
    this.version = processes[0]!.version
  }

  /** Starts so many processes, or says why there are none. */
  static async start(size: number): Promise<TorchDdp | { readonly reason: string }> {
    const folder = await mkdtemp(join(tmpdir(), 'aivida-ddp-'))
    const meeting = join(folder, 'meeting')
    const started = await Promise.all(
      Array.from({ length: size }, (_, rank) => TorchTraining.start({ rank, size, meeting })),
    )
    const missing = started.find((each) => 'reason' in each)
    const processes = started.filter((each) => each instanceof TorchTraining)
    if (!missing) return new TorchDdp(processes, folder)
    await Promise.all(processes.map((each) => each.stop()))
    await rm(folder, { recursive: true, force: true })
    return missing as { readonly reason: string }
  }

  /** See {@link TorchTraining.build}; the batches of each process, as columns. */
  async build(
    model: TorchModel,
    parameters: readonly Tensor[],
    optimiser: TorchOptimiser,
    batches: readonly NamedTensors[],
  ): Promise<void> {
    await Promise.all(this.#processes.map((each) => each.build(model, parameters, optimiser)))
    await Promise.all(this.#processes.map((each, rank) => each.batches(batches[rank]!)))
  }

  /** As many steps as there are learning rates, by all together; losses are the means of theirs. */
  async steps(rates: readonly number[]): Promise<{ readonly seconds: number; readonly losses: readonly number[] }> {
    const all = await Promise.all(this.#processes.map((each) => each.steps(rates)))
    return {
      seconds: Math.max(...all.map(({ seconds }) => seconds)),
      losses: rates.map((_, i) => all.reduce((sum, { losses }) => sum + losses[i]!, 0) / all.length),
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((each) => each.stop()))
    await rm(this.#folder, { recursive: true, force: true })
  }
}
