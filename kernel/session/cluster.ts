import { basename } from 'node:path'
import { systemClock } from '../../runtime/base/clock.ts'
import { userError } from '../../runtime/base/errors.ts'
import type { NodeInfo } from '../../runtime/node/service.ts'
import type { Sweep, SweepDefinition } from '../../runtime/node/sweep/definition.ts'
import type { ParametersOf, Space } from '../../runtime/node/sweep/space.ts'
import type { Training } from '../../runtime/node/training/training.ts'
import type { JobStatus, PeerView } from '../../runtime/protocol/index.ts'
import { currentCell } from '../cell.ts'
import { displayable } from '../display/displayable.ts'
import { DISPLAY, type Displayable, type MimeBundle } from '../display/mime-bundle.ts'
import type { JobProgram, ShowJob } from '../job-news.ts'
import { AnyJob } from './any-job.ts'
import { ClusterData } from './data-shelf.ts'
import { InferenceJob } from './inference-job.ts'
import type { InferOptions } from './inference-options.ts'
import type { StartOptions } from './local-nodes.ts'
import { explained, type NodeLink } from './node-link.ts'
import { type JobOptions, type PreparedRequest, type SubmissionInit, submitJob } from './submission.ts'
import { SweepJob } from './sweep-job.ts'
import { TrainingJob } from './training-job.ts'
import type { TrainOptions } from './training-options.ts'

/** What a cell says of a sweep: as `sweep()`, where trials are trainings as {@link Cluster.train} takes them. */
export interface SweepOptions<S extends Space = Space> extends Omit<SweepDefinition<S>, 'train'>, JobOptions {
  /** The training of one trial: `training({ ... })`, or what `cluster.train` takes. It has a validation. */
  readonly train: (parameters: ParametersOf<S>) => Training | TrainOptions
}

/** What a {@link Cluster} is made from. */
export interface ClusterInit {
  readonly link: NodeLink
  readonly env: Readonly<Record<string, string | undefined>>
  readonly showJob: ShowJob
}

/**
 * The cluster that this notebook works with: the node on this machine, and all machines that it is connected to. Jobs are the
 * node's: they go on when the kernel ends, and any notebook of this user finds them again by their ids. Who may open a job by its
 * id: whoever may open the control socket of its node, which is that node's user alone; and, to read, the nodes of the job's account
 * and of those that it was shared with (`job.share('ac_...')`).
 */
export class Cluster implements Displayable {
  /** Files and downloads that the node keeps for jobs: `add`, `list`, `remove`. */
  readonly data: ClusterData
  readonly #init: ClusterInit

  constructor(init: ClusterInit) {
    this.#init = init
    this.data = new ClusterData(init.link, init.env)
  }

  /**
   * Trains a model, on one machine or on many at once (`workers`). Returns at once, and shows the training in this cell; `await`
   * gives what it came to. Of a `training()` made before, options come second.
   *
   * Awaiting throws `train.*` and `graph.*` for what does not fit together, `input.*` for data, `train.diverged`,
   * `node.not-running`, `cell.interrupted`.
   */
  train(given: TrainOptions | Training, options: JobOptions = {}): TrainingJob {
    const isMade = isOf<Training>(given, 'aivida.training')
    const { show, detach } = isMade ? options : ((given ?? {}) as TrainOptions)
    const cell = currentCell()
    const submission = submitJob({
      ...this.#submission('train', { show, detach }, isMade ? given.definition.name : given?.name),
      prepare: async () => {
        const [{ writeTraining }, { scriptOf, trainingFrom }] = await Promise.all([
          import('../../runtime/node/training/training-files.ts'),
          import('./training-options.ts'),
        ])
        const written = await writeTraining(isMade ? given : await trainingFrom(given))
        return { ...written, request: { ...written.request, ...scriptOf(cell) } }
      },
    })
    return new TrainingJob({ link: this.#init.link, ...submission })
  }

  /**
   * Runs a model over rows. Returns at once, and shows the job in this cell; `await` gives the result as an Arrow table: `row`,
   * and a column each output of the model.
   *
   * Awaiting throws `input.*` and `source.*` for rows that do not fit the model, `model.*`, `node.not-running`, `cell.interrupted`.
   */
  infer(options: InferOptions): InferenceJob {
    const submission = submitJob({
      ...this.#submission('infer', options ?? {}, options?.name ?? modelName(options?.model)),
      prepare: async (signal) => {
        const { preparedInference } = await import('./inference-options.ts')
        return this.#init.link.ask((client) => preparedInference(client, options, signal))
      },
    })
    return new InferenceJob({ link: this.#init.link, ...submission })
  }

  /**
   * Tries many trainings and tells which is best. Returns at once, and shows the sweep in this cell; `await` gives the table of
   * its trials, the best of them and its model. Of a `sweep()` made before, options come second.
   *
   * Awaiting throws `sweep.*`, what trainings throw, `node.not-running`, `cell.interrupted`.
   */
  sweep<const S extends Space>(given: SweepOptions<S> | Sweep, options: JobOptions = {}): SweepJob {
    const isMade = isOf<Sweep>(given, 'aivida.sweep')
    const { show, detach } = isMade ? options : ((given ?? {}) as SweepOptions)
    const submission = submitJob({
      ...this.#submission('sweep', { show, detach }, isMade ? given.definition.name : given?.name),
      prepare: async (): Promise<PreparedRequest> => {
        const { sweep, writeSweep } = await import('../../runtime/node/sweep/index.ts')
        const found = isMade ? given : sweep(definitionOf(given))
        const { trainingFrom } = await import('./training-options.ts')
        const written = await writeSweep(found, async (trial) => {
          const isOptions = trial !== null && typeof trial === 'object' && !isOf<Training>(trial, 'aivida.training')
          return isOptions ? trainingFrom(trial as TrainOptions) : (trial as Training)
        })
        const { metric = 'loss', goal = 'min' } = found.definition
        return { ...written, sweep: { trials: found.trials, metric, goal } }
      },
    })
    return new SweepJob({ link: this.#init.link, ...submission })
  }

  /**
   * A job of this node found again by its id, whichever notebook or command submitted it; with its program, as what that gives.
   * It goes on when the cell that awaits it is interrupted. Also one that another node lets this one read, by its id or as
   * `JOB@NODE`: what it came to is brought here, and all else throws `share.read-only`. Awaiting throws `job.unknown`,
   * `job.other-program`, `share.*` such as `share.node-away`.
   */
  job(id: string): AnyJob
  job(id: string, program: 'train'): TrainingJob
  job(id: string, program: 'infer'): InferenceJob
  job(id: string, program: 'sweep'): SweepJob
  job(id: string, program?: JobProgram): AnyJob | TrainingJob | InferenceJob | SweepJob {
    const { link } = this.#init
    if (typeof id !== 'string')
      throw userError('job.id', `expected the id of a job such as 'job-...', found ${typeof id}; write await job.id`)
    if (program === undefined) return new AnyJob({ link, id: id.includes('@') ? this.#idOf(id) : Promise.resolve(id) })
    const init = { link, id: this.#idOf(id, program) }
    if (program === 'train') return new TrainingJob(init)
    return program === 'infer' ? new InferenceJob(init) : new SweepJob(init)
  }

  /** Jobs of this node, newest first; shown as a table. Throws `node.not-running`. */
  async jobs(): Promise<JobStatus[]> {
    const jobs = await this.#init.link.ask((client) => client.jobs())
    return displayable(jobs, async () => (await cards()).jobsCard(jobs, systemClock.wallMs()))
  }

  /** Jobs of other nodes that this one may read, as far as they are here, newest first; shown as a table. Throws `node.not-running`. */
  async shared(): Promise<JobStatus[]> {
    const jobs = await this.#init.link.ask((client) => client.shared())
    return displayable(jobs, async () => (await cards()).jobsCard(jobs, systemClock.wallMs()))
  }

  /** This node and the machines that it is connected to; shown as a table. Throws `node.not-running`. */
  async peers(): Promise<PeerView[]> {
    const peers = await this.#init.link.ask((client) => client.peers())
    return displayable(peers, async () => (await cards()).peersCard(peers))
  }

  /** The node on this machine. Throws `node.not-running`. */
  info(): Promise<NodeInfo> {
    return this.#init.link.ask((client) => client.info())
  }

  /**
   * Starts a node in the background, as `aivida up` does; it founds a cluster of one where there is none. `workers`: that many
   * more nodes on this machine, which compute for it. All of them outlive the kernel; {@link stop} ends them. One that runs
   * already is left as it is. Resolves when they take work. Throws what the node failed of.
   */
  async start(options: StartOptions = {}): Promise<NodeInfo> {
    const { startNodes } = await import('./local-nodes.ts')
    return startNodes(this.#init, options)
  }

  /**
   * Ends the workers that {@link start} started on this machine, then the node. Jobs that run go on when it is started again.
   * Gives the names of those that were stopped. Throws `node.not-running`.
   */
  async stop(): Promise<string[]> {
    const { stopNodes } = await import('./local-nodes.ts')
    return stopNodes(this.#init)
  }

  /** A card of who is here; without a node, how to start one. */
  async [DISPLAY](): Promise<MimeBundle> {
    const { link } = this.#init
    try {
      const [info, peers] = [await link.ask((client) => client.info()), await link.ask((client) => client.peers())]
      return (await cards()).clusterCard(info, peers)
    } catch (error) {
      return { 'text/plain': explained(error).message }
    }
  }

  /** As text, where nobody waits for a card. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return 'Cluster { train, infer, sweep, job, jobs, shared, peers, info, data, start, stop }'
  }

  #submission(
    program: JobProgram,
    { show, detach }: { show?: boolean | undefined; detach?: boolean | undefined },
    name: unknown,
  ): Omit<SubmissionInit, 'prepare'> {
    const { link, showJob } = this.#init
    return {
      ...{ link, showJob, program },
      ...(typeof name === 'string' && { name }),
      ...(show !== undefined && { show }),
      ...(detach !== undefined && { detach }),
    }
  }

  async #idOf(id: string, expected?: JobProgram): Promise<string> {
    const { job, program } = await this.#init.link.ask((client) => client.job(id).status())
    if (expected === undefined || program === expected) return job
    throw userError('job.other-program', `expected ${id} to be of program ${expected}, it is of ${program}`)
  }
}

/** What an inference without a name is called in its cell: as the file of its model. */
function modelName(model: unknown): string | undefined {
  return typeof model === 'string' ? basename(model) : undefined
}

/** Loaded with the first of them. */
const cards = () => import('../display/cards.ts')

/** Whether it is what `training()` or `sweep()` gave: told by its mark, since it may be of another copy of us. */
function isOf<T extends { readonly kind: string }>(value: unknown, kind: T['kind']): value is T {
  return value !== null && typeof value === 'object' && (value as Partial<T>).kind === kind
}

function definitionOf<S extends Space>(options: SweepOptions<S>): SweepDefinition<S> {
  const { show: _, detach: __, ...definition } = options ?? {}
  return definition as SweepDefinition<S> // what `train` gives becomes a training when its files are written
}
