import { type AividaError, type Digest, type Logger, limit, peerError } from '../../base/index.ts'
import { type BlobStore, fetchBlob, treeOfBytes } from '../../data/blob/index.ts'
import { type Part, writeParts } from '../../data/sources/index.ts'
import {
  concatRows,
  decodeTensors,
  encodeTensors,
  type NamedTensors,
  type Tensor,
  tensorOf,
} from '../../data/tensor/index.ts'
import { type CoordinatorPorts, type OrderedPart, type Piece, VALIDATION } from '../../job/coordinator/index.ts'
import { WorkerJournal } from '../../job/journal/index.ts'
import type { WorkerPorts } from '../../job/worker/index.ts'
import { type FileStoreInit, type LogStore, openLog, systemDisk } from '../../log/index.ts'
import { type BlobRef, type Device, grantCodec, type JobSpec, logKey, signDocument } from '../../protocol/index.ts'
import type { TrainingHost } from '../hosts/training-host.ts'
import { ReduceHost } from '../rounds/reduce-host.ts'
import { RoundBlobs } from '../rounds/round-blobs.ts'
import { openJobSource, scanJobModel } from '../submission/submission.ts'
import type { JobParts } from './job-parts.ts'
import { statePorts } from './state-ports.ts'

/** Owner of outputs that are owed to submitters. */
const OWED = 'owed'

/** The submitter's side of jobs, on this node's parts. */
export function coordinatorPorts(parts: JobParts): CoordinatorPorts {
  const offended = (peer: string, error: AividaError) => swarm.report(peer, error)
  const { swarm, clock, logger, signer, journals, blobs, inputs, provider, events, disk = systemDisk } = parts
  return {
    swarm,
    clock,
    logger,
    signer,
    ...(parts.proofs.binding && { binding: parts.proofs.binding }),
    openJournal: (job) => journals.open(job),
    retireJournal: (job) => journals.retire(job),
    openAdoption: (signed) => parts.proofs.openAdoption(signed),
    openSource: async (spec) => openJobSource(spec, await scanJobModel(spec, blobs)),
    ...statePorts(parts, disk),
    putInput: (job, tensors) => inputs.put(encodeTensors(tensors), { pin: { owner: job } }),
    readInput: (ref) => inputs.readAll(ref.blob).catch(() => undefined), // dropped meanwhile: its shard is over
    dropInput: (job, ref) => dropBlob(inputs, job, ref, logger),
    fetchOutputs: async ({ blob, sizeBytes }, peer, signal) => {
      if (blobs.has(blob)) return blobs.readAll(blob) // this node computed it itself
      await fetchBlob({ root: blob, sizeBytes, providers: [provider(peer)], store: inputs, clock, signal, offended })
      return inputs.readAll(blob)
    },
    matches,
    writeParts: async ({ outputDir, request }, ordered) => {
      const written = await writeParts(
        outputDir,
        ordered.map((part) => partOf(part, outputsOf(request))),
        disk,
      )
      return written.map((part, i) => {
        const [shard, ...furtherShards] = ordered[i]!.pieces.flatMap(shardOutputs).map((each) => each.shard) as [Digest]
        const { checkpoint, round, trial } = ordered[i]!.pieces[0]!.order
        return {
          ...part,
          shard,
          ...(furtherShards.length > 0 && { furtherShards }),
          ...(checkpoint && { checkpoint }),
          ...(trial && { trial }),
          ...(round && { round }),
        }
      })
    },
    nameOf: (peer) => swarm.cardOf(peer)?.name ?? '',
    signGrant: (grant) => signDocument(grantCodec, grant, signer),
    emit: (event) => {
      events.publish(event)
      if (event.type === 'job' && event.status.state !== 'running') parts.jobEnded(event.status)
    },
  }
}

/** The worker's side of leases, on this node's parts. `journal` is where its word is durable. */
export async function workerPorts(
  parts: JobParts,
  devices: () => readonly Device[],
  journal: LogStore | FileStoreInit = { dir: parts.folder.worker, disk: parts.disk ?? systemDisk },
): Promise<WorkerPorts> {
  const { swarm, clock, logger, signer, blobs, inputs, engines } = parts
  const offended = (peer: string, error: AividaError) => swarm.report(peer, error)
  const rounds = new RoundBlobs({ ...parts, self: swarm.self, offended, keptAs: OWED })
  let training: TrainingHost | undefined
  const trainings = async () => {
    const { TrainingHost } = await import('../hosts/training-host.ts') // with all that reads graphs: most nodes start without work
    training ??= new TrainingHost({ ...parts, rounds, offended, keptAs: OWED })
    return training
  }
  const reduction = new ReduceHost({ ...parts, rounds })
  return {
    swarm,
    clock,
    logger,
    signer,
    accountOf: (peer, binding) => parts.proofs.accountOf(peer, binding),
    openAdoption: (signed) => parts.proofs.openAdoption(signed),
    journal: await WorkerJournal.open(await openLog(journal, { clock, key: logKey('worker', signer) })),
    fetchModel: (lease, grant, signal) => engines.fetchModel(lease, grant, signal),
    fetchInputs: async (lease, grant, signal) => {
      const { spec } = lease
      if (spec.kind === 'train') await (await trainings()).fetch(lease, spec, grant, signal)
      if (spec.kind === 'reduce') await reduction.fetch(lease, spec, grant, signal)
      if (spec.kind !== 'infer') return new Uint8Array()
      const ref = spec.inputs
      await engines.fetch(ref, inputs, lease, grant, signal)
      return inputs.readAll(ref.blob)
    },
    matches,
    decodeInputs: decodeTensors,
    compute: (leases, slot, inputs, signal) => engines.compute(leases, slot, inputs, signal),
    train: async (lease, shard, slot, run) => (await trainings()).train(lease, shard, slot, run),
    reduce: (lease, shard, slot, signal) => reduction.reduce(lease, shard, slot, signal),
    jobIdle: (job) => engines.jobIdle(job, { replica: training?.holdsReplica(job) === true }),
    putOutputs: async (outputs) => {
      const pieces = encodeTensors(outputs)
      const sizeBytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
      if (sizeBytes <= limit('inlineOutputBytes')) {
        const inline = new Uint8Array(Buffer.concat(pieces))
        return { ref: { blob: treeOfBytes(inline).root, sizeBytes }, inline }
      }
      const untilWallMs = Math.floor(clock.wallMs()) + limit('outputKeepMs')
      return { ref: await blobs.put(pieces, { pin: { owner: OWED, untilWallMs } }) }
    },
    keepOutputs: (ref) => rounds.keepOn(ref),
    dropOutputs: (ref) => void rounds.drop(ref),
    hasOutputs: (ref) => rounds.has(ref),
    determinismClassOf: (device) => devices().find(({ id }) => id === device)?.determinismClass ?? '',
  }
}

/** Whether bytes that came inline are what their name says. */
function matches({ blob, sizeBytes }: BlobRef, bytes: Uint8Array): boolean {
  return bytes.byteLength === sizeBytes && treeOfBytes(bytes).root === blob
}

/** The pieces of a part as one. Throws `tensor.*` when outputs are malformed, or their rows have several shapes. */
function partOf({ index, pieces }: OrderedPart, isKept: (name: string) => boolean): Part {
  const shards = pieces.flatMap(shardOutputs)
  const { firstRow, trial } = pieces[0]!.order
  const rows = shards.reduce((sum, each) => sum + each.rows, 0)
  if (rows === 0) return { index, firstRow, rows, tensors: {} } // a checkpoint alone
  const tensors = shards.map(({ outputs }) => pickOutputs(decodeTensors(outputs), isKept))
  const [first] = tensors as [NamedTensors]
  const joined = Object.keys(first).map((name) => [name, concatRows(tensors.map((each) => outputOf(each, name)))])
  const labels = pieces.flatMap((piece) => piece.labels ?? [])
  const columns = shards.length === 1 ? first : Object.fromEntries(joined)
  return {
    index,
    firstRow,
    rows,
    tensors: trial ? { ...columns, trial: tensorOf(new Int32Array(rows).fill(trial.trial)) } : columns,
    ...(pieces[0]!.labels && { labels }),
  }
}

/** What each shard of a piece gave, in order. */
function shardOutputs({ order, outputs, others }: Piece): { shard: Digest; rows: number; outputs: Uint8Array }[] {
  const { shard, rows } = order
  return [{ shard, rows, outputs }, ...(order.others ?? []).map((other, i) => ({ ...other, outputs: others[i]! }))]
}

function outputOf(tensors: NamedTensors, name: string): Tensor {
  const tensor = tensors[name]
  if (!tensor) throw peerError('tensor.missing', `one shard of the job has no output ${name}, where others have one`)
  return tensor
}

/** Which outputs of a shard become columns. Those of an evaluation, which few shards have, are part of the checkpoint. */
function outputsOf(request: JobSpec['request']): (name: string) => boolean {
  if (request.program !== 'infer') return (name) => !name.startsWith(VALIDATION)
  return (name) => request.outputs.length === 0 || request.outputs.includes(name)
}

function pickOutputs(tensors: NamedTensors, isKept: (name: string) => boolean): NamedTensors {
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => isKept(name)))
}

function dropBlob(store: BlobStore, owner: string, { blob }: BlobRef, logger: Logger): void {
  store.unpin(owner, blob).catch((error) => logger.warn({ blob, error: String(error) }, 'a blob could not be let go'))
}
