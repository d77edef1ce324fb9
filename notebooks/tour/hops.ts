import { formatBytes, formatDuration } from '../../runtime/cli/figures.ts'
import { EngineChild } from '../../runtime/compute/engine/index.ts'
import { Commits } from '../../runtime/job/coordinator/commits.ts'
import { Coordinator } from '../../runtime/job/coordinator/coordinator.ts'
import { InFlight } from '../../runtime/job/coordinator/in-flight.ts'
import { InputFeed } from '../../runtime/job/coordinator/input-feed.ts'
import { Notices } from '../../runtime/job/coordinator/notices.ts'
import { Offers } from '../../runtime/job/coordinator/offers.ts'
import { Orders } from '../../runtime/job/coordinator/orders.ts'
import { Results } from '../../runtime/job/coordinator/results.ts'
import { Tally } from '../../runtime/job/coordinator/tally.ts'
import { type JobEntry, JobJournal, WorkerJournal } from '../../runtime/job/journal/index.ts'
import { Acceptances } from '../../runtime/job/worker/acceptances.ts'
import { Reports } from '../../runtime/job/worker/reports.ts'
import { Client } from '../../runtime/node/control/client.ts'
import { JobHandle } from '../../runtime/node/control/job-handle.ts'
import { EventBus } from '../../runtime/node/events.ts'
import { EngineHost } from '../../runtime/node/hosts/engine-host.ts'
import { LocalService } from '../../runtime/node/local-service.ts'
import { modelsOf } from '../../runtime/protocol/index.ts'
import { at, type Overheard, type Place } from './overheard.ts'

/** A step of a shard's way: what happens, which file does it, and where that can be overheard. */
export interface Hop {
  readonly says: string
  /** From the root of the repository. */
  readonly file: string
  /** What of that file does it, exported by this name. */
  readonly does: string
  /** A pure function cannot be listened to: its word is overheard where it is handed to. */
  readonly heard: Place
}

/** The way of a shard of batch inference, hop by hop. */
export const HOPS: readonly Hop[] = [
  {
    says: 'the client asks',
    file: 'runtime/node/control/client.ts',
    does: 'Client',
    heard: at(
      Client,
      'submit',
      'began',
      ([request]) => `POST /v1/jobs on the control socket, program ${request.program}`,
    ),
  },
  {
    says: 'the control socket checks',
    file: 'runtime/node/control/call-routes.ts',
    does: 'callRoutes',
    heard: at(LocalService, 'submit', 'began', ([{ program, name }]) => `by its schema: ${program}, called ${name}`),
  },
  {
    says: 'the request becomes a job',
    file: 'runtime/node/submission/submission.ts',
    does: 'prepareJob',
    heard: at(
      Coordinator,
      'submit',
      'began',
      ([{ job, account }]) => `${job} of ${account}; its model is read and scanned`,
    ),
  },
  journalled('created', 'from here on a restart goes on with it'),
  {
    says: 'the program wants batches',
    file: 'runtime/job/programs/inference.ts',
    does: 'inference',
    heard: at(InputFeed, 'want', 'began', ([batches]) => (batches > 1 ? `${batches} at most on their way` : undefined)),
  },
  journalled('source', 'what the input is: a restart goes on with the same one'),
  {
    says: 'a batch becomes bytes',
    file: 'runtime/job/coordinator/input-feed.ts',
    does: 'InputFeed',
    heard: at(InFlight, 'add', 'began', ([, spec]) =>
      spec.kind === 'infer'
        ? `${spec.rows} rows, blob ${spec.inputs.blob}, ${formatBytes(spec.inputs.sizeBytes)}`
        : undefined,
    ),
  },
  {
    says: 'the program makes a shard',
    file: 'runtime/job/programs/inference.ts',
    does: 'inference',
    heard: at(InFlight, 'add', 'began', ([id]) => `${id}, the hash of model, inputs and outputs`),
  },
  {
    says: 'the scheduler chooses',
    file: 'runtime/job/scheduler/scheduler.ts',
    does: 'step',
    heard: at(Orders, 'add', 'began', ([peer, [order]]) =>
      order ? `${peer}, ${order.device}, for ${formatDuration(order.durationMs)}: lease ${order.lease}` : undefined,
    ),
  },
  journalled('worker', 'whom to ask after a restart, before its first lease'),
  {
    says: 'the lease is signed and sent',
    file: 'runtime/job/coordinator/offers.ts',
    does: 'Offers',
    heard: at(
      Offers,
      'send',
      'began',
      ([peer, orders], inline) => `an offer of ${orders.length} to ${peer}, ${inline.length} inputs inline`,
    ),
  },
  {
    says: 'the worker accepts',
    file: 'runtime/job/worker/machine.ts',
    does: 'step',
    heard: at(Acceptances, 'add', 'began', ([to, leases]) => `lease ${leases.join()} of ${to}`),
  },
  {
    says: 'bytes are served',
    file: 'runtime/data/blob/serve.ts',
    does: 'serveBlobs',
    heard: at(Coordinator, 'sent', 'began', ([, sizeBytes]) => `${formatBytes(sizeBytes)} of the model to the worker`),
  },
  {
    says: 'the model is here',
    file: 'runtime/node/hosts/engine-host.ts',
    does: 'EngineHost',
    heard: at(EngineHost, 'fetchModel', 'ended', ([{ spec }]) =>
      modelsOf(spec)
        .map(({ graph }) => `graph ${graph.blob}, ${formatBytes(graph.sizeBytes)}, every chunk checked`)
        .join(),
    ),
  },
  {
    says: 'the engine child loads it',
    file: 'runtime/compute/engine/child/engine-child.ts',
    does: 'EngineChild',
    heard: at(EngineChild, 'load', 'ended', (_, { inputs, outputs }) => `${named(inputs)} -> ${named(outputs)}`),
  },
  {
    says: 'the engine child computes',
    file: 'runtime/compute/engine/child/engine-child.ts',
    does: 'EngineChild',
    heard: at(EngineChild, 'run', 'ended', ([, batch], results) => {
      const gave = results.filter((result) => 'outputs' in result).length
      return `${gave} of ${batch.length} shards gave outputs`
    }),
  },
  {
    says: 'the worker journals its receipt',
    file: 'runtime/job/journal/worker-journal.ts',
    does: 'WorkerJournal',
    heard: at(WorkerJournal, 'finished', 'ended', ([works]) =>
      works
        .map(({ receipt }) => `outputs ${receipt.outputs.blob}, ${formatBytes(receipt.outputs.sizeBytes)}: finished`)
        .join(),
    ),
  },
  {
    says: 'the receipt is signed and sent',
    file: 'runtime/job/worker/reports.ts',
    does: 'Reports',
    heard: at(
      Reports,
      'receipt',
      'began',
      ([to, { lease }, inline]) => `of lease ${lease}, to ${to}${inline ? ', outputs inline' : ''}`,
    ),
  },
  {
    says: 'the receipt is verified',
    file: 'runtime/job/coordinator/replies.ts',
    does: 'Replies',
    heard: at(
      Results,
      'take',
      'began',
      ([{ receipt }]) => `${receipt.worker} held lease ${receipt.lease}: a provisional result`,
    ),
  },
  {
    says: 'the result is accepted',
    file: 'runtime/job/coordinator/job-run.ts',
    does: 'JobRun',
    heard: at(
      Tally,
      'accepted',
      'began',
      ([{ shard }, rows]) => `shard ${shard}: ${rows} rows, its outputs match their name`,
    ),
  },
  {
    says: 'the program orders a part',
    file: 'runtime/job/programs/inference.ts',
    does: 'inference',
    heard: at(Commits, 'add', 'began', ([{ index, pieces }]) => `part ${index} of ${pieces.length} batch`),
  },
  journalled('part', 'its file is durable already'),
  {
    says: 'whoever follows is told',
    file: 'runtime/node/events.ts',
    does: 'EventBus',
    heard: at(EventBus, 'publish', 'began', ([event]) =>
      event.type === 'part' ? `event part: ${event.part.file}` : undefined,
    ),
  },
  {
    says: 'the lease is settled',
    file: 'runtime/job/coordinator/notices.ts',
    does: 'Notices',
    heard: at(Notices, 'settle', 'began', ([peer, lease]) => `${lease}: ${peer} may let the outputs go`),
  },
  journalled('ended', 'the end'),
  {
    says: 'the client hears the end',
    file: 'runtime/node/control/job-handle.ts',
    does: 'JobHandle',
    heard: at(JobHandle, 'done', 'ended', (_, { state, rows }) => `${state}, ${rows.done} rows`),
  },
  {
    says: 'the worker lets go',
    file: 'runtime/job/worker/worker.ts',
    does: 'Worker',
    heard: at(
      WorkerJournal,
      'settle',
      'began',
      ([from, leases]) => `lease ${leases.join()} is owed to ${from} no longer`,
    ),
  },
]

/** Listens to every hop in this process. Of two that are heard in one call, the earlier one is to speak first: it goes around. */
export function overhear(node: string, tell: (said: Overheard) => void): void {
  for (const [hop, { heard }] of [...HOPS.entries()].reverse())
    heard.listen((atMs, facts) => tell({ hop, node, atMs, facts }))
}

function journalled(type: JobEntry['type'], why: string): Hop {
  return {
    says: `journal: ${type}`,
    file: 'runtime/job/journal/job-journal.ts',
    does: 'JobJournal',
    heard: at(JobJournal, 'append', 'ended', (entries) =>
      entries.some((entry) => entry.type === type) ? `durable; ${why}` : undefined,
    ),
  }
}

function named(values: readonly { readonly name: string; readonly dtype: string }[]): string {
  return values.map(({ name, dtype }) => `${name} ${dtype}`).join(', ')
}
