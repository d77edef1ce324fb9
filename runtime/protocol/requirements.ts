import { z } from 'zod'
import { countSchema, peerIdSchema } from './names.ts'

/** How an engine reaches a device: onnxruntime's execution providers. */
export const providerSchema = z.enum(['cpu', 'webgpu', 'cuda', 'wasm'])

/** See {@link providerSchema}. */
export type ExecutionProvider = z.infer<typeof providerSchema>

/** What a shard computes; one engine job each. */
export const shardKindSchema = z.enum(['infer', 'train', 'reduce', 'map', 'probe'])

/** See {@link shardKindSchema}. */
export type ShardKind = z.infer<typeof shardKindSchema>

/**
 * What a job asks of the device that runs its shards. Job, shard, lease and card share this one schema, so that a
 * refusal means the same wherever it is made. A field that is absent asks for nothing.
 */
export const requirementsSchema = z.object({
  provider: providerSchema.optional().describe('execution provider'),
  memoryBytes: countSchema.optional().describe('free memory one slot must have'),
  determinismClass: z.string().max(256).optional().describe('this class and no other'),
  exact: z.boolean().optional().describe('the class must be proven bit-exact'),
  sandboxLevel: countSchema.optional().describe('isolation of the engine child, at least'),
  nodes: z.array(peerIdSchema).max(1024).optional().describe('only these nodes'),
})

/** See {@link requirementsSchema}. */
export type Requirements = z.infer<typeof requirementsSchema>

/** One device of a node, as its card offers it. */
export const deviceSchema = z.object({
  id: z.string().min(1).max(64),
  provider: providerSchema,
  model: z.string().max(256),
  slots: countSchema.max(1024),
  /** Memory that one slot may use. */
  memoryBytes: countSchema,
  determinismClass: z.string().max(256),
  exact: z.boolean(),
  sandboxLevel: countSchema,
  kinds: z.array(shardKindSchema).max(16),
  tier: z.string().max(64).optional(),
})

/** See {@link deviceSchema}. */
export type Device = z.infer<typeof deviceSchema>

/** Why a device or a node does not take a shard. Counted per node and reason, and told to the node. */
export const refusalReasonSchema = z.enum([
  'kind', // the device does not run this kind of shard
  'provider',
  'memory',
  'class',
  'not-exact',
  'sandbox',
  'node', // the job names other nodes
  'busy', // every slot and queue place is taken
  'quota', // the account's share of this worker is used up
  'draining', // the node is shutting down
  'not-leased-here', // the lease names another worker or device
  'signature',
  'epoch', // a newer coordinator has spoken for this job
])

/** See {@link refusalReasonSchema}. */
export type RefusalReason = z.infer<typeof refusalReasonSchema>

/** The first reason why `device` of `node` cannot run a shard of this kind, or `undefined` when it can. */
export function refusal(
  requirements: Requirements,
  kind: ShardKind,
  node: string,
  device: Device,
): RefusalReason | undefined {
  if (!device.kinds.includes(kind)) return 'kind'
  if (requirements.nodes && !requirements.nodes.includes(node)) return 'node'
  if (requirements.provider !== undefined && requirements.provider !== device.provider) return 'provider'
  if ((requirements.memoryBytes ?? 0) > device.memoryBytes) return 'memory'
  if (requirements.determinismClass !== undefined && requirements.determinismClass !== device.determinismClass)
    return 'class'
  if (requirements.exact === true && !device.exact) return 'not-exact'
  if ((requirements.sandboxLevel ?? 0) > device.sandboxLevel) return 'sandbox'
  return undefined
}
