import * as assert from 'uvu/assert'
import { type Digest, sha256 } from '../../../../runtime/base/index.ts'
import {
  type ProgramStep,
  type RoundsOptions,
  type RoundsState,
  rounds,
} from '../../../../runtime/job/programs/index.ts'
import type { PartOrder, ProgramEvent } from '../../../../runtime/job/programs/program.ts'
import {
  type BlobRef,
  lineageOf,
  type Receipt,
  type RoundManifest,
  rowsOf,
  type ShardSpec,
  shardId,
} from '../../../../runtime/protocol/index.ts'

/** A name for bytes that nobody reads. */
export const ref = (name: string): BlobRef => ({ blob: sha256(Buffer.from(name)), sizeBytes: 1 })

/** What a job is by default: 100 batches, two rows of parameters. */
export function optionsOf(
  changes: {
    readonly rounds?: Partial<RoundsOptions['request']['rounds']>
    readonly training?: Partial<RoundsOptions['training']>
    readonly select?: RoundsOptions['select']
  } = {},
): RoundsOptions {
  const model = { graph: ref('step'), weights: [] }
  return {
    model,
    training: {
      state: ref('start'),
      data: { table: ref('rows'), firstRow: 0, rows: 1_000 },
      steps: 100,
      batchSize: 10,
      rounds: { length: 100_000, plain: 10 },
      ...changes.training,
    },
    request: {
      seed: 1,
      learningRate: { kind: 'constant', rate: 1 },
      commitEvery: 10,
      rounds: {
        workers: { min: 1, max: 64 },
        sync: 'diloco',
        recipe: { localSteps: 4 },
        aggregation: { rule: 'mean' },
        late: { rule: 'return' },
        balance: 'speed',
        deadline: { factor: 3, leastMs: 2_000 },
        replacement: 'committed',
        snapshotEvery: 4,
        ...changes.rounds,
      },
    },
    ...(changes.select && { select: changes.select }),
    before: { parts: [], rounds: [] },
    wallAtZeroMs: 1_700_000_000_000,
  }
}

/** How a member answers to a shard: what it fails with, if it does. */
export type Whim = (spec: ShardSpec, member: Member) => { code: string; message: string } | undefined

/** A worker of the simulated kind: computes one shard after the other. */
export interface Member {
  readonly peer: string
  stepMs: number
  /** `stopped`: it does nothing, and nobody knows. */
  state: 'up' | 'stopped' | 'away'
  /** Shared states that its engine has, the newest. */
  lineage: Digest | undefined
  /** Results that it keeps, by shard. */
  readonly results: Map<Digest, { readonly outputs: BlobRef; readonly receipt: Receipt }>
  readonly queue: { readonly spec: ShardSpec; readonly id: Digest }[]
  busyUntil: number
}

/** What the journal of a run holds: in order, as it became durable. */
export interface Journalled {
  readonly parts: PartOrder[]
  readonly rounds: Map<number, RoundManifest>
}

/** A training by rounds among simulated members, in virtual time. */
export class VirtualRun {
  nowMs = 1_000
  readonly members = new Map<string, Member>()
  readonly journal: Journalled = { parts: [], rounds: new Map() }
  /** All steps' answers, newest last. */
  readonly answers: ProgramStep<RoundsState>[] = []
  readonly placed: { readonly atMs: number; readonly peer: string; readonly spec: ShardSpec; readonly id: Digest }[] =
    []
  readonly released = new Set<Digest>()
  /** Accepted, and of no part when the submitter died: kept until the job is over. */
  readonly unknown = new Set<Digest>()
  readonly accepted = new Map<Digest, { readonly peer: string; readonly spec: ShardSpec }>()
  whim: Whim = () => undefined
  /** What a member says of a result instead. */
  disguise: (receipt: Receipt, member: Member) => Receipt = (receipt) => receipt
  validation: (step: number) => Readonly<Record<string, number>> = (step) => ({ loss: 1 / (1 + step) })
  done: ProgramStep<RoundsState>['done']
  readonly options: RoundsOptions
  #program: ReturnType<typeof rounds>
  #state!: RoundsState
  #wakeAt: number | undefined
  #agenda: { readonly atMs: number; readonly act: () => void }[] = []
  /** Of the newest step: durable with the next one. */
  #unwritten: ProgramStep<RoundsState> | undefined
  #generation = 0

  constructor(options: RoundsOptions, stepsMs: readonly number[]) {
    this.options = options
    this.#program = rounds(options)
    for (const [i, stepMs] of stepsMs.entries()) this.add(`p${i}`, stepMs)
    this.#take(this.#program.start(this.nowMs))
    this.tellWorkers()
  }

  get state(): RoundsState {
    return this.#state
  }

  add(peer: string, stepMs: number): Member {
    const member: Member = {
      peer,
      stepMs,
      state: 'up',
      lineage: undefined,
      results: new Map(),
      queue: [],
      busyUntil: 0,
    }
    this.members.set(peer, member)
    return member
  }

  member(peer: string): Member {
    return this.members.get(peer)!
  }

  at(atMs: number, act: () => void): void {
    this.#agenda.push({ atMs, act })
    this.#agenda.sort((a, b) => a.atMs - b.atMs)
  }

  tellWorkers(): void {
    const here = [...this.members.values()].filter(({ state }) => state !== 'away')
    this.hear({ type: 'workers', workers: here.map(({ peer }) => ({ peer, slots: 1, isSilent: false })) })
  }

  leave(peer: string, { forgets = false } = {}): void {
    const member = this.member(peer)
    member.state = 'away'
    member.lineage = undefined
    if (forgets) this.forget(peer)
    this.tellWorkers()
  }

  comeBack(peer: string): void {
    const member = this.member(peer)
    const wasAway = member.state === 'away'
    member.state = 'up'
    this.#work(member)
    if (wasAway) this.tellWorkers()
  }

  /** The submitter dies and is there again at once; what its newest step said may never have become durable. */
  restart({ loses = false } = {}): void {
    if (!loses) this.#write()
    this.#unwritten = undefined
    this.#generation++
    const known = new Set(
      this.journal.parts.flatMap(({ shard, round }) => [
        shard,
        ...[...(round?.counted ?? []), ...(round?.aggregates ?? [])].map((each) => each.shard),
      ]),
    )
    for (const shard of this.accepted.keys()) if (!known.has(shard)) this.unknown.add(shard)
    const parts = structuredClone(this.journal.parts)
    const before = {
      parts: parts.map(({ round, checkpoint, shard }) => ({
        shard,
        ...(round && { round }),
        ...(checkpoint && { checkpoint }),
      })),
      rounds: structuredClone([...this.journal.rounds.values()]).sort((a, b) => a.round - b.round),
    }
    this.#program = rounds({ ...this.options, before })
    this.#wakeAt = undefined
    for (const member of this.members.values()) member.queue.length = 0
    this.#take(this.#program.start(this.nowMs))
    this.tellWorkers()
  }

  /** Goes on until the job is over, or nothing more happens before `untilMs`. */
  run(untilMs = this.nowMs + 100_000_000): void {
    while (!this.done) {
      const next = this.#agenda[0]
      const wakes = this.#wakeAt !== undefined && (!next || this.#wakeAt <= next.atMs)
      const atMs = wakes ? this.#wakeAt : next?.atMs
      if (atMs === undefined || atMs > untilMs) {
        this.nowMs = Math.max(this.nowMs, Math.min(untilMs, atMs ?? untilMs))
        return
      }
      this.nowMs = Math.max(this.nowMs, atMs)
      if (wakes) {
        this.#wakeAt = undefined
        this.hear({ type: 'time' })
      } else {
        this.#agenda.shift()
        next!.act()
      }
    }
  }

  hear(event: ProgramEvent): void {
    if (this.done) return
    this.#write()
    this.#take(this.#program.step(this.#state, event, this.nowMs))
  }

  /** What the newest step said is durable. */
  #write(): void {
    const step = this.#unwritten
    this.#unwritten = undefined
    if (!step) return
    for (const manifest of step.rounds ?? []) this.journal.rounds.set(manifest.round, manifest)
    for (const part of step.parts) {
      assert.is(part.index, this.journal.parts.length, 'parts are numbered in order')
      this.journal.parts.push(part)
    }
    for (const shard of step.release ?? []) {
      assert.ok(this.accepted.has(shard), 'only what was accepted is released')
      this.released.add(shard)
      for (const member of this.members.values()) member.results.delete(shard)
    }
  }

  #take(step: ProgramStep<RoundsState>): void {
    this.#state = step.state
    this.answers.push(step)
    if (step.wakeAtMs !== undefined) {
      assert.ok(step.wakeAtMs > this.nowMs, 'wakes are ahead')
      this.#wakeAt = step.wakeAtMs
    }
    this.#unwritten = step
    if (step.done) {
      this.done = step.done
      this.#write()
      return
    }
    this.#checkDeadline()
    for (const shard of step.cancel) {
      if (this.accepted.has(shard)) this.released.add(shard) // what is called off is not kept either
      for (const member of this.members.values()) {
        const at = member.queue.findIndex(({ id }) => id === shard)
        if (at >= 0) member.queue.splice(at, 1)
      }
    }
    for (const { shard: spec, peer } of step.placed ?? []) {
      const id = shardId(spec)
      this.placed.push({ atMs: this.nowMs, peer, spec, id })
      this.#checkShard(spec)
      const member = this.member(peer)
      if (!member.queue.some((each) => each.id === id)) member.queue.push({ spec, id })
      this.#work(member)
    }
  }

  /** Nobody is waited for when the time is over and something is there. */
  #checkDeadline(): void {
    const { open } = this.#state
    if (!open || open.reducing || this.nowMs < open.deadlineMs) return
    const rule = open.manifest.aggregation
    const quorum = rule.rule === 'trimmed-mean' ? 2 * rule.trim + 1 : 1
    const inTime = open.members.filter(({ status }) => status === 'in').length
    assert.ok(inTime < quorum, `round ${open.manifest.round} waits past its deadline`)
  }

  /** A shard leads to the shared state that the program says. */
  #checkShard(spec: ShardSpec): void {
    if (spec.kind !== 'train') return
    const { lineage, updates, round } = spec.replica!
    const led = updates.reduce((before, round) => lineageOf(before, round), lineage)
    assert.is(led, this.#state.history.lineages[round], 'the updates of a shard lead to the state of its round')
    const { open } = this.#state
    if (spec.steps > 0 && open) assert.is(open.manifest.lineage, led)
  }

  #work(member: Member): void {
    const next = member.queue[0]
    if (!next || member.state !== 'up' || member.busyUntil > this.nowMs) return
    const known = member.results.has(next.id)
    const tookMs = known ? 1 : next.spec.kind === 'train' ? 10 + next.spec.steps * member.stepMs : 20
    member.busyUntil = this.nowMs + tookMs
    const generation = this.#generation
    this.at(member.busyUntil, () => {
      if (member.state !== 'up' || generation !== this.#generation || member.queue[0] !== next) {
        if (member.state === 'up') this.#work(member)
        return
      }
      member.queue.shift()
      this.#finish(member, next, tookMs)
      this.#work(member)
    })
  }

  #finish(member: Member, { spec, id }: Member['queue'][number], tookMs: number): void {
    const failure = this.#failureOf(spec, member) ?? this.whim(spec, member)
    if (failure) {
      this.hear({ type: 'poison', shard: id, failures: [{ peer: member.peer, retryable: false, ...failure }] })
      return
    }
    const result = member.results.get(id) ?? this.#compute(spec, id, member, tookMs)
    member.results.set(id, result)
    this.unknown.delete(id)
    this.accepted.set(id, { peer: member.peer, spec })
    const step = spec.kind === 'train' ? spec.replica!.position : 0
    const trained =
      spec.kind === 'train' && result.receipt.state
        ? { state: result.receipt.state, ...(spec.evaluation && { validation: this.validation(step) }) }
        : undefined
    this.hear({ type: 'accepted', shard: id, ...result, ...(trained && { trained }) })
  }

  /** What is asked for must be had. */
  #failureOf(spec: ShardSpec, member: Member): { code: string; message: string } | undefined {
    if (spec.kind === 'infer') throw new Error('a training infers nothing')
    if (spec.kind === 'reduce') {
      for (const each of spec.contributions) {
        const missing = this.#missing(each)
        if (missing) return { code: 'update.contribution', message: `member ${each.member}: ${missing.message}` }
      }
      return spec.residual && this.#missing(spec.residual)
    }
    const { lineage, held, updates, inner } = spec.replica!
    const path = [lineage]
    for (const round of updates) path.push(lineageOf(path.at(-1)!, round))
    if (held && !path.includes(member.lineage ?? '')) return { code: 'replica.lost', message: 'it has another state' }
    const from = held ? path.indexOf(member.lineage!) : 0
    const missing = updates
      .slice(from)
      .flat()
      .map((update) => this.#missing(update))
      .find((failure) => failure !== undefined)
    if (missing) return missing
    if (!held) assert.ok(spec.replica!.at.every((peer) => this.members.has(peer)))
    const isOwn = [...member.results.values()].some(({ receipt }) => receipt.state?.blob === inner?.blob)
    if (inner && !isOwn && inner.blob !== this.options.training.state.blob)
      return { code: 'replica.lost', message: 'it has not what it is to go on from' }
    member.lineage = path.at(-1)
    return undefined
  }

  #missing({ update, at }: { update: BlobRef; at: string }): { code: string; message: string } | undefined {
    const home = this.member(at)
    const kept = [...home.results.values()].some(({ receipt }) =>
      [...(receipt.updates ?? []), receipt.state].some((blob) => blob?.blob === update.blob),
    )
    if (!kept && home.state !== 'away' && !this.#forgetful.has(at))
      assert.unreachable(`an update ${update.blob.slice(0, 6)} was let go of by ${at} that is still asked for`)
    return kept && home.state === 'up' ? undefined : { code: 'blob.unavailable', message: `${at} does not give it` }
  }

  readonly #forgetful = new Set<string>()

  /** A member has lost what it kept. */
  forget(peer: string): void {
    this.#forgetful.add(peer)
    this.member(peer).results.clear()
  }

  #compute(spec: ShardSpec, id: Digest, member: Member, tookMs: number) {
    const slices = spec.kind === 'train' ? spec.replica!.slices.length : 1
    const isSnapshot = spec.kind === 'train' && spec.steps === 0
    const receipt: Receipt = {
      lease: 'lease',
      job: 'job-0000000000000000',
      epoch: 1,
      shard: id,
      worker: member.peer,
      device: 'cpu',
      determinismClass: 'class',
      outputs: ref(`metrics ${id}`),
      computeMs: tookMs,
      state: ref(`state ${id}`),
      ...(spec.kind === 'train' && { commitments: [sha256(Buffer.from(`theta ${member.lineage}`))] }),
      ...(!isSnapshot && { updates: Array.from({ length: slices }, (_, i) => ref(`update ${id} ${i}`)) }),
    }
    assert.ok(rowsOf(spec) >= 0)
    return { outputs: receipt.outputs, receipt: this.disguise(receipt, member) }
  }
}
