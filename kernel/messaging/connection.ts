import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { userError } from '../../runtime/base/errors.ts'

const port = z.int().min(1).max(65_535)

/**
 * Where a kernel listens and the key that both sides sign with, as whoever starts a kernel writes it to a file
 * (https://jupyter-client.readthedocs.io/en/stable/kernels.html#connection-files).
 */
export const connectionSchema = z.object({
  transport: z.enum(['tcp', 'ipc']).default('tcp'),
  ip: z.string().min(1),
  shell_port: port,
  iopub_port: port,
  stdin_port: port,
  control_port: port,
  hb_port: port,
  signature_scheme: z.literal('hmac-sha256').default('hmac-sha256'),
  /** Without one, any process of the machine could run code here. */
  key: z.string().min(1),
})

/** See {@link connectionSchema}. */
export type Connection = z.infer<typeof connectionSchema>

/** The five sockets of a kernel. */
export type Channel = 'shell' | 'iopub' | 'stdin' | 'control' | 'hb'

/** The ZeroMQ address of a channel. */
export function endpointOf(connection: Connection, channel: Channel): string {
  const separator = connection.transport === 'tcp' ? ':' : '-'
  return `${connection.transport}://${connection.ip}${separator}${connection[`${channel}_port`]}`
}

/** Reads a connection file. Throws `kernel.connection-file`. */
export async function readConnection(path: string): Promise<Connection> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw userError('kernel.connection-file', `expected the path of a Jupyter connection file: ${error.message}`)
  })
  const found = connectionSchema.safeParse(parse(text))
  if (found.success) return found.data
  const fields = found.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw userError(
    'kernel.connection-file',
    `${path} is no connection file that this kernel takes: ${fields.join('; ')}`,
  )
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
