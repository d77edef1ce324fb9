import { z } from 'zod'
import { limit } from '../../base/index.ts'
import {
  accountIdSchema,
  EVENT_TYPES,
  errorRecordSchema,
  jobRecordSchema,
  jobRequestSchema,
  jobStatusSchema,
  peerIdSchema,
  peerViewSchema,
  resultPartSchema,
} from '../../protocol/index.ts'
import { addDataSchema, dataEntrySchema, dataNameSchema } from '../data-shelf/data-entry.ts'
import {
  adoptRequestSchema,
  followedViewSchema,
  inviteRequestSchema,
  inviteSchema,
  memberViewSchema,
  nodeInfoSchema,
  pendingViewSchema,
} from '../service.ts'
import { fetchedFilesSchema } from '../sharing/shared-files.ts'

/** Version of the control API's replies: the `v` of every envelope and event. */
export const CONTROL_VERSION = 1

/** One call of the control API: what server and client both know of it. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** `:name` stands for a field of `params`. */
  readonly path: `/${string}`
  readonly summary: string
  readonly params?: z.ZodType
  readonly body?: z.ZodType
  readonly reply: z.ZodType
}

/** An id, or `JOB@NODE` for one that another node shares. */
export const jobParams = z.object({ id: z.string().min(1).max(128) })
const peerParams = z.object({ peer: peerIdSchema })
const reason = z.string().min(1).max(256)
const nothing = z.object({})

/** Every call with a JSON reply. Streams (events, results, uploads) have routes of their own beside these. */
export const ROUTES = {
  info: { method: 'GET', path: '/v1/info', summary: 'The node itself', reply: nodeInfoSchema },
  submit: {
    method: 'POST',
    path: '/v1/jobs',
    summary: 'Submits a job; answers once it is journalled',
    body: jobRequestSchema,
    reply: jobStatusSchema,
  },
  jobs: {
    method: 'GET',
    path: '/v1/jobs',
    summary: 'Jobs of this node, newest first',
    reply: z.array(jobStatusSchema),
  },
  job: { method: 'GET', path: '/v1/jobs/:id', summary: 'One job', params: jobParams, reply: jobStatusSchema },
  cancel: {
    method: 'DELETE',
    path: '/v1/jobs/:id',
    summary: 'Cancels a job',
    params: jobParams,
    body: z
      .object({ reason: reason.default('cancelled by its owner') })
      .strict()
      .prefault({}),
    reply: jobStatusSchema,
  },
  scale: {
    method: 'POST',
    path: '/v1/jobs/:id/scale',
    summary: 'Lets a running job have so many workers at once',
    params: jobParams,
    body: z.object({ workers: z.number().int().min(1).max(1_000_000) }).strict(),
    reply: jobStatusSchema,
  },
  share: {
    method: 'POST',
    path: '/v1/jobs/:id/shares',
    summary: 'Lets the nodes of an account read a job',
    params: jobParams,
    body: z.object({ account: accountIdSchema }).strict(),
    reply: jobStatusSchema,
  },
  unshare: {
    method: 'DELETE',
    path: '/v1/jobs/:id/shares/:account',
    summary: 'Lets them read it no longer',
    params: jobParams.extend({ account: accountIdSchema }),
    reply: jobStatusSchema,
  },
  shared: {
    method: 'GET',
    path: '/v1/shared',
    summary: 'Jobs of other nodes that may be read here',
    reply: z.array(jobStatusSchema),
  },
  adopt: {
    method: 'POST',
    path: '/v1/jobs/:id/adopt',
    summary: 'Goes on with a job of another node of this account',
    params: jobParams,
    body: adoptRequestSchema.prefault({}),
    reply: jobStatusSchema,
  },
  followed: {
    method: 'GET',
    path: '/v1/followed',
    summary: 'Jobs of other nodes of this account that could be adopted here',
    reply: z.array(followedViewSchema),
  },
  fetch: {
    method: 'POST',
    path: '/v1/jobs/:id/fetch',
    summary: "Brings the result of another node's job here; answers within some seconds, whole or not",
    params: jobParams,
    reply: fetchedFilesSchema,
  },
  parts: {
    method: 'GET',
    path: '/v1/jobs/:id/parts',
    summary: 'Finished parts of the result',
    params: jobParams,
    reply: z.array(resultPartSchema),
  },
  record: {
    method: 'GET',
    path: '/v1/jobs/:id/record',
    summary: 'How a job has gone so far, for its report',
    params: jobParams,
    reply: jobRecordSchema,
  },
  addData: {
    method: 'POST',
    path: '/v1/datasets',
    summary: 'Begins to bring data here; answers at once',
    body: addDataSchema,
    reply: dataEntrySchema,
  },
  data: { method: 'GET', path: '/v1/datasets', summary: 'Data that are kept here', reply: z.array(dataEntrySchema) },
  removeData: {
    method: 'DELETE',
    path: '/v1/datasets/:name',
    summary: 'Lets data go, or calls their arrival off',
    params: z.object({ name: dataNameSchema }),
    reply: nothing,
  },
  peers: { method: 'GET', path: '/v1/peers', summary: 'Peers and how they fare', reply: z.array(peerViewSchema) },
  members: { method: 'GET', path: '/v1/members', summary: 'Members of the cluster', reply: z.array(memberViewSchema) },
  setSeeds: {
    method: 'POST',
    path: '/v1/seeds',
    summary: 'Names where members find the cluster',
    body: z.object({ addresses: z.array(z.string().min(1).max(256)).max(16) }).strict(),
    reply: nothing,
  },
  remove: {
    method: 'DELETE',
    path: '/v1/members/:peer',
    summary: 'Puts a member out of the cluster',
    params: peerParams,
    body: z
      .object({ reason: reason.default('removed by an admin') })
      .strict()
      .prefault({}),
    reply: nothing,
  },
  invite: {
    method: 'POST',
    path: '/v1/invites',
    summary: 'Makes a ticket to join with',
    body: inviteRequestSchema.prefault({}),
    reply: inviteSchema,
  },
  pending: {
    method: 'GET',
    path: '/v1/pending',
    summary: 'Nodes that wait for approval',
    reply: z.array(pendingViewSchema),
  },
  approve: {
    method: 'POST',
    path: '/v1/pending/:peer/approve',
    summary: 'Admits a waiting node',
    params: peerParams,
    reply: nothing,
  },
  leave: { method: 'POST', path: '/v1/leave', summary: 'Leaves the cluster and stops', reply: nothing },
  drain: { method: 'POST', path: '/v1/drain', summary: 'Takes nothing new, ends what runs', reply: nothing },
  stop: { method: 'POST', path: '/v1/stop', summary: 'Drains, then stops the node', reply: nothing },
} as const satisfies Record<string, Route>

/** See {@link ROUTES}. */
export type Routes = typeof ROUTES

type SchemaOf<R, K extends string> = R extends { readonly [key in K]: infer S extends z.ZodType } ? S : z.ZodUndefined

/** What a caller passes to a route: `params` for its path, and a `body`. */
export type RouteInput<R> = {
  readonly params: z.input<SchemaOf<R, 'params'>>
  readonly body: z.input<SchemaOf<R, 'body'>>
}

/** What a handler gets: as {@link RouteInput}, checked and with defaults filled in. */
export type RouteCall<R> = {
  readonly params: z.output<SchemaOf<R, 'params'>>
  readonly body: z.output<SchemaOf<R, 'body'>>
}

/** What a route answers with. */
export type RouteReply<R> = z.output<SchemaOf<R, 'reply'>>

/** The envelope of a reply: its version and what was asked for. */
export const envelope = <T extends z.ZodType>(data: T) => z.object({ v: z.literal(CONTROL_VERSION), data })

/** The envelope of a failure, with any status from 400 up. */
export const failureSchema = z.object({ v: z.literal(CONTROL_VERSION), error: errorRecordSchema })

/** What an upload answers with: where the bytes lie, to be used as a job's input. */
export const uploadSchema = z.object({ path: z.string(), sizeBytes: z.number().int().max(limit('requestBytes')) })

/** Query of the event stream. */
export const eventsQuerySchema = z.object({
  after: z.coerce.number().int().nonnegative().optional().describe('go on after this seq; absent: a snapshot first'),
  job: z.string().min(1).max(128).optional().describe('only this job'),
  type: z.enum(EVENT_TYPES).optional().describe('only events of this type, and gaps'),
})

/** Path and query of data that a client sends. */
export const putDataParams = z.object({ name: dataNameSchema })

/** See {@link putDataParams}. */
export const putDataQuerySchema = z.object({
  keepMs: z.coerce
    .number()
    .int()
    .min(1_000)
    .max(limit('dataKeepMs'))
    .optional()
    .describe('ms; absent: until it is removed'),
})

/** Media type of bytes of whatever kind (RFC 2046). */
export const BYTES = 'application/octet-stream'

/** Query of the bundle of a training. */
export const bundleQuerySchema = z.object({
  data: z.enum(['true', 'false']).default('true').describe('whether the rows come along'),
})

/** Media type of tar archives (RFC 6713 names gzip's; that of tar is not registered, and this one is what servers use). */
export const TAR = 'application/x-tar'

/** Media type of Arrow's streaming format (https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format). */
export const ARROW_STREAM = 'application/vnd.apache.arrow.stream'
