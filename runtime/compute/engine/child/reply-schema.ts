import { z } from 'zod'
import { limit } from '../../../base/limits.ts'
import { DTYPES, type DType } from '../../../data/tensor/tensor.ts'
import { digestSchema } from '../../../protocol/names.ts'
import { providerSchema } from '../../../protocol/requirements.ts'
import type { Reply } from './messages.ts'

const name = z.string().max(limit('tensorNameCharacters'))
const dtype = z.enum(Object.keys(DTYPES) as [DType, ...DType[]])
const size = z.number().int().nonnegative()
const info = z.object({ name: z.string(), version: z.string(), providers: z.array(providerSchema).min(1) })
const error = z.object({
  code: z.string().max(64),
  category: z.enum(['user', 'config', 'peer', 'platform', 'timeout', 'aborted', 'internal']),
  message: z.string().max(8192),
  retryable: z.boolean(),
  facts: z.record(z.string(), z.unknown()),
})
const tensors = z.array(z.object({ name, dtype, shape: z.array(size) }))
const spec = z.object({ name, dtype, shape: z.array(z.union([size, z.string()])).optional() })

/** What a child may say. It runs a stranger's model, so its word is checked like a stranger's. */
export const replySchema = z.discriminatedUnion('op', [
  z.object({ op: z.literal('ready'), info }),
  z.object({
    op: z.literal('loaded'),
    report: z.object({
      nodes: size,
      parameterBytes: size,
      inputs: z.array(spec),
      outputs: z.array(spec),
      opsets: z.record(z.string(), z.number()),
    }),
  }),
  z.object({ op: z.literal('ran'), batch: z.array(z.union([z.object({ tensors }), z.object({ error })])) }),
  z.object({ op: z.literal('closed') }),
  z.object({ op: z.literal('training') }),
  z.object({ op: z.literal('stepped'), commitment: digestSchema.optional() }),
  z.object({ op: z.literal('state') }),
  z.object({ op: z.literal('merged'), commitment: digestSchema }),
  z.object({ op: z.literal('updates') }),
  z.object({ op: z.literal('failed'), error }),
]) as z.ZodType<Reply>
