import { type Clock, isAividaError, type Logger, slices, toAividaError, userError } from '../../base/index.ts'
import { groupsIn } from '../../log/index.ts'
import {
  type Adoption,
  adoptedEpoch,
  adoptionCodec,
  type InferenceJob,
  isInference,
  type JobSpec,
  type JobStatus,
  publicKeyOf,
  type ResultPart,
  type Signed,
  type Signer,
  type SourceSpec,
} from '../../protocol/index.ts'
import type { Coordinator } from '../coordinator/index.ts'
import { JobJournal, type JobRecord, type Journals } from '../journal/index.ts'
import type { FollowedJob } from './followed-journal.ts'
import { type FollowedJournals, noJournal } from './followed-journals.ts'
import { type Asking, askJournal } from './journal-requests.ts'

/** How a job is adopted. */
export interface AdoptRequest {
  /** Where the input is read. Default: where it was read before; it has to be the same one then. */
  readonly input?: SourceSpec
  /** Where the result is written. */
  readonly outputDir: string
  /** Take the job over even from a coordinator that is alive. Default: `false`. */
  readonly force?: boolean
}

/** What an adopter works on. */
export interface AdopterInit extends Asking {
  readonly clock: Clock
  readonly logger: Logger
  readonly signer: Signer
  readonly followed: FollowedJournals
  readonly journals: Journals
  readonly coordinator: Coordinator
  /** What this node knows of a coordinator: whether it is here, and its name. */
  readonly whereabouts: (peer: string) => { readonly state: 'alive' | 'suspect' | 'gone'; readonly name: string }
  /** Checks that the input is here and is the job's. Throws `adopt.*`, `source.*`. */
  readonly checkInput: (spec: InferenceJob, given: boolean) => Promise<void>
  /** Brings the model here from one of these nodes and keeps it. Throws `adopt.no-model`. */
  readonly bringModel: (spec: JobSpec, from: string, adoption: Signed) => Promise<void>
  /** Whether a part's file is on this machine, unchanged: in the result's folder, or brought there from `oldDir`. */
  readonly hasPart: (spec: JobSpec, part: ResultPart, oldDir: string) => Promise<boolean>
  /** Writes a part's file as another node sends it; whether it is what the journal names. */
  readonly keepPart: (spec: JobSpec, part: ResultPart, bytes: Uint8Array) => Promise<boolean>
}

/** Adoptions are told to the node whose place was taken this often, until it has heard. */
const TELL_MS = 5_000
/** Parts are journalled again in groups of this many. */
const PARTS_PER_GROUP = 256

/** Takes over jobs whose journals this node has followed, and tells the nodes that coordinated them before. */
export class Adopter {
  readonly #init: AdopterInit
  /** Adoptions that the node whose place was taken has not heard of, by job. */
  readonly #untold = new Map<string, { readonly from: string; readonly signed: Signed }>()
  readonly #adopting = new Set<string>()
  readonly #tellingLater = new Set<string>()
  #stop: (() => void) | undefined

  constructor(init: AdopterInit) {
    this.#init = init
  }

  start(): void {
    const { swarm } = this.#init
    this.#stop = swarm.subscribe({
      card: (peer) => this.#tell(peer),
      alive: (peer) => this.#tell(peer),
    })
  }

  stop(): void {
    this.#stop?.()
    this.#untold.clear()
  }

  /** A job that was adopted by an earlier run of this node goes on: the node before may still have to be told. */
  resumed(signed: Signed): void {
    const { job, from } = adoptionCodec.decode(signed.body)
    this.#untold.set(job, { from, signed })
    this.#tell(from)
  }

  /**
   * Adopts a job: fences its coordinator, where it can be reached, and goes on from the copy of its journal.
   * Throws `adopt.no-account`, `adopt.no-journal`, `adopt.other-account`, `adopt.here`, `adopt.busy`, `job.ended`,
   * `adopt.coordinator-alive` (unless forced), `adopt.no-model`, `adopt.other-input`, `source.*`, `log.*`.
   */
  async adopt(job: string, request: AdoptRequest): Promise<JobStatus> {
    if (this.#adopting.has(job)) throw userError('adopt.busy', `${job} is being adopted here already; wait for that`)
    this.#adopting.add(job)
    try {
      return await this.#adopt(job, request)
    } finally {
      this.#adopting.delete(job)
    }
  }

  async #adopt(job: string, request: AdoptRequest): Promise<JobStatus> {
    const { checkInput, bringModel, followed, proofs, signer, swarm, clock, whereabouts } = this.#init
    const { from, head, spec } = this.#adoptable(job)
    const { state, name } = whereabouts(from)
    if (state === 'alive' && !request.force) throw coordinatorAlive(job, from, name)
    const asked: InferenceJob = {
      ...spec,
      outputDir: request.outputDir,
      request: { ...spec.request, ...(request.input && { input: request.input }) },
    }
    const terms: Omit<Adoption, 'binding'> = {
      job,
      account: spec.account,
      node: swarm.self,
      from,
      epoch: adoptedEpoch(head.epoch, swarm.self),
      seq: head.seq,
      hash: head.hash,
      atWallMs: Math.floor(clock.wallMs()),
    }
    const signed = proofs.signAdoption(terms, signer)
    await bringModel(asked, from, signed)
    await checkInput(asked, request.input !== undefined)
    const told = await this.#fence(terms, signed)
    if (followed.get(job)?.ended) throw jobEnded(job, from)
    await followed.promote(job, async (home) => {
      const journal = await JobJournal.open(home, job, {
        clock,
        signer,
        minEpoch: terms.epoch,
        writtenBy: publicKeyOf(from),
      })
      try {
        await this.#takeOver(journal, asked, request, signed, told ? from : undefined)
      } finally {
        await journal.close()
      }
    })
    if (!told) this.#untold.set(job, { from, signed })
    return this.#goOn(job)
  }

  /** Throws unless there is something here to adopt. */
  #adoptable(job: string): FollowedJob & { readonly spec: InferenceJob } {
    const { coordinator, followed, proofs } = this.#init
    if (coordinator.status(job)?.state === 'running')
      throw userError('adopt.here', `${job} is coordinated by this node; there is nothing to adopt`)
    if (proofs.own === undefined)
      throw userError(
        'adopt.no-account',
        'a job is adopted by a node of its account, and this node has none: aivida account link',
      )
    const copy = followed.get(job)
    if (!copy?.spec) throw noJournal(job)
    const { spec } = copy
    if (spec.account !== proofs.own)
      throw userError('adopt.other-account', `${job} belongs to ${spec.account}, and this node to ${proofs.own}`)
    if (copy.ended) throw jobEnded(job, copy.from)
    if (!isInference(spec))
      throw userError(
        'adopt.training',
        `${job} is a training, whose states are at ${copy.from} alone; bring that node back, or train on from a state that was kept elsewhere`,
      )
    return { ...copy, spec }
  }

  /**
   * Tells the coordinator, and takes what it still has of the journal. Whether it has heard: one that is not here learns
   * it later, from us or from a worker. Throws `job.ended`, and what it refuses with.
   */
  async #fence({ job, from }: Omit<Adoption, 'binding'>, signed: Signed): Promise<boolean> {
    const { followed, logger } = this.#init
    try {
      const { reply, body } = await askJournal(this.#init, from, { type: 'adopt', adoption: signed }, 'adopted')
      const journal = followed.journal(job)
      const missing = [...groupsIn(body)].filter(({ firstSeq }) => firstSeq > (journal?.view.head.seq ?? 0))
      await journal?.take(missing, reply.head)
      return true
    } catch (error) {
      const { code, category, message } = toAividaError(error)
      if (code === 'job.ended') throw jobEnded(job, from)
      if (code === 'adoption.account' || code === 'adoption.epoch') throw error
      logger.info(
        { job, from, code, category, message },
        'the coordinator of a job that is adopted could not be told yet',
      )
      return false
    }
  }

  /** The journal says who coordinates the job from here on, and which parts are at hand. */
  async #takeOver(
    journal: JobJournal,
    spec: JobSpec,
    { input, outputDir }: AdoptRequest,
    adoption: Signed,
    partsFrom: string | undefined,
  ): Promise<void> {
    const before = await journal.load()
    await journal.append({ type: 'adopted', adoption, outputDir, ...(input && { input }) })
    const { parts, spec: old } = before ?? { parts: [], spec }
    for (const group of slices(parts, PARTS_PER_GROUP)) {
      const kept: ResultPart[] = []
      for (const part of group) if (await this.#hasPart(spec, part, old.outputDir, adoption, partsFrom)) kept.push(part)
      if (kept.length > 0) await journal.append(...kept.map((part) => ({ type: 'part' as const, part })))
    }
  }

  /** Whether a part is at hand; one that is not is computed again, or given by a worker that remembers. */
  async #hasPart(
    spec: JobSpec,
    part: ResultPart,
    oldDir: string,
    adoption: Signed,
    from: string | undefined,
  ): Promise<boolean> {
    const { hasPart, keepPart, logger } = this.#init
    if (await hasPart(spec, part, oldDir)) return true
    if (from === undefined) return false
    try {
      return await keepPart(spec, part, await this.#fetchPart(part, adoption, from))
    } catch (error) {
      if (isAividaError(error) && error.category === 'platform') throw error // our own disk
      logger.info({ job: spec.job, part: part.index, error: String(error) }, 'a part is computed again')
      return false
    }
  }

  async #fetchPart({ index }: ResultPart, adoption: Signed, from: string): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    for (let offset = 0; ; ) {
      const { reply, body } = await askJournal(this.#init, from, { type: 'part', adoption, index, offset }, 'part')
      pieces.push(body)
      offset += body.byteLength
      if (offset >= reply.sizeBytes || body.byteLength === 0) return Buffer.concat(pieces)
    }
  }

  async #goOn(job: string): Promise<JobStatus> {
    const { journals, coordinator } = this.#init
    const journal = await journals.open(job)
    const record: JobRecord | undefined = await journal.load()
    if (!record) throw noJournal(job)
    return coordinator.resume(record, journal)
  }

  #tellLater(peer: string): void {
    if (this.#tellingLater.has(peer)) return
    this.#tellingLater.add(peer)
    this.#init.clock.after(TELL_MS, () => {
      this.#tellingLater.delete(peer)
      this.#tell(peer)
    })
  }

  /** Tells a node of the jobs that were adopted from it, again and again until it has heard. */
  #tell(peer: string): void {
    const { logger } = this.#init
    for (const [job, { from, signed }] of this.#untold) {
      if (from !== peer) continue
      askJournal(this.#init, peer, { type: 'adopt', adoption: signed, stands: true }, 'adopted').then(
        () => void this.#untold.delete(job),
        (error) => {
          const { code } = toAividaError(error)
          logger.info({ job, peer, code }, 'an adoption could not be told yet')
          if (code === 'job.ended' || code.startsWith('adoption.')) this.#untold.delete(job)
          // It takes its jobs up before it meets anybody: what it does not know now it may know after another start.
          else if (code !== 'job.unknown') this.#tellLater(peer) // it has not said hello, or is away
        },
      )
    }
  }
}

function coordinatorAlive(job: string, from: string, name: string) {
  return userError(
    'adopt.coordinator-alive',
    `${job} is coordinated by ${name || 'a node'} (${from}), which is alive and goes on with it; wait for it there, or cancel it there; to take it over all the same: aivida jobs adopt ${job} --force`,
    { job, peer: from, name },
  )
}

function jobEnded(job: string, by: string) {
  return userError('job.ended', `${job} has ended at ${by}; its result is there, and there is nothing to adopt`, {
    job,
    by,
  })
}
