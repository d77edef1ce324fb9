import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { z } from 'zod'
import type { Logger } from '../../base/index.ts'
import { replaceFile, systemDisk } from '../../log/disk.ts'
import type { KeptPorts } from '../../swarm/transport/libp2p/index.ts'

const fileSchema = z.object({
  v: z.literal(1),
  ports: z.record(z.string(), z.number().int().min(1).max(65_535)),
})

/** Ports in a file of the data folder. One that cannot be read is as none; one that cannot be written is logged. */
export async function keptPorts(file: string, logger: Logger): Promise<KeptPorts> {
  const ports = parse(await readFile(file, 'utf8').catch(() => ''))
  return {
    portOf: (address) => ports.get(address),
    async keep(given) {
      const news = [...given].filter(([address, port]) => ports.get(address) !== port)
      if (news.length === 0) return
      for (const [address, port] of news) ports.set(address, port)
      const content = JSON.stringify({ v: 1, ports: Object.fromEntries(ports) })
      try {
        await replaceFile(systemDisk, dirname(file), basename(file), [Buffer.from(content)])
      } catch (error) {
        logger.warn({ error: String(error) }, 'ports could not be kept: the next start may listen on others')
      }
    },
  }
}

function parse(text: string): Map<string, number> {
  try {
    const { data } = fileSchema.safeParse(JSON.parse(text))
    return new Map(Object.entries(data?.ports ?? {}))
  } catch {
    return new Map()
  }
}
