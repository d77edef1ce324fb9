import { z } from 'zod'
import { type AividaError, userError } from '../base/index.ts'
import { nearest } from '../base/nearest.ts'
import {
  accountIdSchema,
  conductViewSchema,
  countSchema,
  deviceSchema,
  type JobRecordDocument,
  type JobRequest,
  type JobStatus,
  networkViewSchema,
  type PeerView,
  peerIdSchema,
  type ResultPart,
  sourceSpecSchema,
} from '../protocol/index.ts'
import type { MemberRole } from '../swarm/charter/index.ts'
import type { DataKeeper } from './data-shelf/data-entry.ts'
import type { EventBus } from './events.ts'
import type { FetchedFiles } from './sharing/shared-files.ts'

/** A running node, as it describes itself to its operator. */
export const nodeInfoSchema = z.object({
  peer: peerIdSchema,
  name: z.string(),
  account: accountIdSchema.optional(),
  cluster: z.object({ id: z.string(), name: z.string() }),
  role: z.string(),
  /** The software's version. */
  version: z.string(),
  pid: countSchema,
  startedWallMs: countSchema,
  addresses: z.array(z.string()),
  /** What the operator should know, in words: "UDP unavailable: TCP only". */
  warnings: z.array(z.string()),
  devices: z.array(deviceSchema),
  network: networkViewSchema,
  disk: z.object({ usedBytes: countSchema, budgetBytes: countSchema, freeBytes: countSchema }),
  /** Journals read again in the background since the start, and how many of them are damaged: `warnings` says where. */
  logs: z.object({ scrubbedBytes: countSchema, damaged: countSchema }).optional(),
  dataDir: z.string(),
  /** What the node's process uses, as of the last two seconds: share of a core, memory, event loop delay. */
  load: z.object({ cpu: z.number(), rssBytes: countSchema, loopDelayP99Ms: z.number() }),
  /** Addresses whose strangers misbehaved lately, and how. */
  strangers: z.array(conductViewSchema.extend({ host: z.string() })),
  /** Whether new jobs and leases are taken; `false` while draining. */
  accepting: z.boolean(),
})

/** See {@link nodeInfoSchema}. */
export type NodeInfo = z.infer<typeof nodeInfoSchema>

/** A member of the cluster, by its charter; `present` when this node is connected to it (or is it). */
export const memberViewSchema = z.object({
  peer: peerIdSchema,
  name: z.string(),
  account: accountIdSchema.optional(),
  role: z.string(),
  present: z.boolean(),
})

/** See {@link memberViewSchema}. */
export type MemberView = z.infer<typeof memberViewSchema>

const memberRoles = ['member', 'worker', 'submitter'] as const satisfies readonly MemberRole[]

/** Nodes that may join with one ticket, at most. */
export const MAX_USES = 10_000
/** How long a ticket may be good for. Ms. */
export const MAX_EXPIRES_MS = 365 * 86_400_000

/** Who may join with a ticket, how often and how long. */
export const inviteRequestSchema = z
  .object({
    uses: countSchema.min(1).max(MAX_USES).default(1).describe('how many nodes may join with it'),
    expiresMs: countSchema.min(1_000).max(MAX_EXPIRES_MS).default(86_400_000).describe('how long it is good for, ms'),
    role: z.enum(memberRoles).default('member').describe('what its holders become'),
  })
  .strict()

/** See {@link inviteRequestSchema}; defaults may be left out. */
export type InviteRequest = z.input<typeof inviteRequestSchema>

/** A ticket and its terms. Whoever holds the string may join: it is a secret. */
export const inviteSchema = z.object({
  ticket: z.string(),
  uses: countSchema,
  expiresWallMs: countSchema,
  role: z.string(),
})

/** See {@link inviteSchema}. */
export type Invite = z.infer<typeof inviteSchema>

/** A node that asked to join a cluster whose admission is by approval. */
export const pendingViewSchema = z.object({ peer: peerIdSchema, name: z.string(), askedWallMs: countSchema })

/** See {@link pendingViewSchema}. */
export type PendingView = z.infer<typeof pendingViewSchema>

/** How a job is adopted. */
export const adoptRequestSchema = z
  .object({
    input: sourceSpecSchema.optional().describe('where the input is; by default where the job read it before'),
    outputDir: z
      .string()
      .min(1)
      .max(4096)
      .optional()
      .describe("folder for the result; by default one in the node's data folder"),
    force: z.boolean().default(false).describe('take the job over even from a coordinator that is alive'),
  })
  .strict()

/** See {@link adoptRequestSchema}. */
export type AdoptJobRequest = z.input<typeof adoptRequestSchema>

/** A job of another node of the account, whose journal is copied here: it can be adopted. */
export const followedViewSchema = z.object({
  job: z.string(),
  name: z.string(),
  account: accountIdSchema.optional(),
  /** The node that coordinates it. */
  from: peerIdSchema,
  /** Whether that node is here, and its name. Absent from older nodes. */
  coordinator: z.object({ state: z.enum(['alive', 'suspect', 'gone']), name: z.string() }).optional(),
  parts: countSchema,
  rows: countSchema,
  /** Entries of the journal that are here. */
  entries: countSchema,
  ended: z.boolean(),
})

/** See {@link followedViewSchema}. */
export type FollowedView = z.infer<typeof followedViewSchema>

/** What calls that do I/O may be given. */
export interface CallOptions {
  /** Fires when the client has gone: the work may stop. */
  readonly signal?: AbortSignal
}

/**
 * What a node can do for those who may speak to it: the port that the control server publishes, and that the daemon's
 * wiring implements. Errors are `AividaError`s and reach the client as they are.
 */
export interface NodeService {
  /** The node's numbered event stream. */
  readonly events: EventBus
  /**
   * Resolves when the jobs of earlier runs are known again. What is asked about jobs waits for it: a client that comes
   * back to a node that is starting is neither told that its job is unknown, nor shown a state without it.
   */
  readonly restored: Promise<void>
  info(): Promise<NodeInfo>
  /** Takes a job and answers as soon as it is journalled. Throws `node.draining`, `job.*`, `model.*`, `input.*`. */
  submit(request: JobRequest, options?: CallOptions): Promise<JobStatus>
  /** Every job this node still knows, newest first. */
  jobs(): Promise<readonly JobStatus[]>
  /**
   * A job of this node or, also by `JOB@NODE`, one of another that this node's account may read. Throws `job.unknown`, made by
   * {@link unknownJob}, and `share.*`.
   */
  job(id: string): Promise<JobStatus>
  /** Stops a job; one that has ended is left as it is. Answers with its state afterwards. Throws `job.unknown`. */
  cancel(id: string, reason: string): Promise<JobStatus>
  /** Lets a running job have so many workers at once, more or fewer. Throws `job.unknown`, `job.ended`, `scale.*`. */
  scale(id: string, workers: number): Promise<JobStatus>
  /**
   * Lets the nodes of an account read a job of this node. Throws `job.unknown`, `share.read-only`, `share.own`, `share.too-many`,
   * `job.adopted`, `job.ending`.
   */
  share(id: string, account: string): Promise<JobStatus>
  /** Lets them read it no longer; what they have fetched stays theirs. Throws as {@link share} does. */
  unshare(id: string, account: string): Promise<JobStatus>
  /** Jobs of other nodes that this node's account may read, as far as those nodes are here, newest first. */
  shared(): Promise<readonly JobStatus[]>
  /**
   * Goes on with a job of another node of this account, which may be gone; that one is fenced.
   * Throws `adopt.*` (`adopt.coordinator-alive` unless forced), `job.ended`, `job.output-exists`, `source.*`.
   */
  adopt(id: string, request: AdoptJobRequest): Promise<JobStatus>
  /** Jobs that could be adopted here. */
  followed(): Promise<readonly FollowedView[]>
  /**
   * Brings the result of another node's job here, as far as there is one: parts and, once it has ended, its model and states. Answers
   * when all of it is here, or after some seconds with how far it is; it goes on meanwhile. Of a job of this node all is here. Throws
   * `job.unknown`, `share.*`, `blob.*`, `disk.*`.
   */
  fetch(id: string): Promise<FetchedFiles>
  /**
   * Finished parts of the result so far, by index. `file` is an absolute path on this machine: parts of another node's job are
   * fetched first. Throws as {@link fetch} does.
   */
  parts(id: string): Promise<readonly ResultPart[]>
  /** How a job has gone so far: what its report and its bundle are made from. Throws `job.unknown`, `record.none`. */
  record(id: string): Promise<JobRecordDocument>
  /**
   * A training as one file that can be done again anywhere: a tar archive. `data`: whether its rows come along. Throws
   * `job.unknown`, `bundle.*`.
   */
  bundle(id: string, options: { readonly data: boolean }): Promise<AsyncIterable<Uint8Array>>
  /** Data that the operator brings here. */
  readonly shelf: DataKeeper
  peers(): Promise<readonly PeerView[]>
  members(): Promise<readonly MemberView[]>
  /** Throws `charter.not-admin`. */
  invite(request: InviteRequest): Promise<Invite>
  /** Names where to find the cluster, for all its members. Throws `charter.not-admin`, `seeds.address`. */
  setSeeds(addresses: readonly string[]): Promise<void>
  /** Puts a member out of the cluster. Throws `charter.not-admin`, `member.unknown`. */
  remove(peer: string, reason: string): Promise<void>
  /** Leaves the cluster; the node stops afterwards. */
  leave(): Promise<void>
  /** Nodes that wait for {@link approve}. */
  pending(): Promise<readonly PendingView[]>
  /** Admits a node that asked. Throws `charter.not-admin`, `member.unknown`. */
  approve(peer: string): Promise<void>
  /** Takes nothing new and resolves when work in progress has ended, at the latest after the limit `drainMs`. */
  drain(): Promise<void>
  /** Drains, then asks the process that holds the node to end; resolves as soon as that is under way. */
  stop(): Promise<void>
}

/**
 * `job.unknown`, naming the job that was probably meant, when one has an id that is much alike or begins so; or, for a
 * job that is followed here, the node that coordinates it.
 */
export function unknownJob(id: string, known: readonly JobStatus[], followed: readonly FollowedView[]): AividaError {
  const copy = followed.find(({ job }) => job === id)
  if (copy) {
    const coordinator = copy.coordinator?.name ? `${copy.coordinator.name} (${copy.from})` : copy.from
    return userError(
      'job.unknown',
      `${id} is a job of ${coordinator}, and only followed here; see: aivida jobs --followed`,
      { remedy: 'aivida jobs --followed' },
    )
  }
  const ids = known.map(({ job }) => job)
  const near = (id.length > 'job-'.length ? ids.find((job) => job.startsWith(id)) : undefined) ?? nearest(id, ids)
  const name = known.find(({ job }) => job === near)?.name
  const hint = near
    ? `; the nearest is ${near}${name ? ` (${name})` : ''}`
    : known.length > 0
      ? ''
      : '; this node has no jobs'
  return userError('job.unknown', `no job ${JSON.stringify(id)} here${hint}`, { remedy: 'aivida jobs' })
}
