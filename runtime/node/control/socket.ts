import { type Stats, statSync } from 'node:fs'
import { mkdir, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AividaError, userError } from '../../base/index.ts'
import { isPipe, socketPathRefusal } from './socket-path.ts'

/**
 * Makes sure that a node may listen at this path: a folder that only its owner can change, nobody alive on the socket,
 * no leftover of a dead node. Throws `socket.path-too-long`, `socket.in-use`, `socket.not-a-socket`,
 * `socket.folder-open`.
 */
export async function claimSocket(path: string): Promise<void> {
  if (isPipe(path)) {
    const pid = await pidBehind(path)
    if (pid !== undefined) throw inUse(path, pid)
    return
  }
  const refused = socketPathRefusal(path)
  if (refused) throw refused
  await privateFolder(dirname(path))
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) return
  if (!found.isSocket())
    throw userError('socket.not-a-socket', `expected a socket or nothing at ${path}, found another file`, {
      remedy: 'move it away, or choose another socket path',
    })
  const pid = await pidBehind(path)
  if (pid !== undefined) throw inUse(path, pid)
  await unlink(path)
}

async function privateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const found: Stats = await stat(folder)
  // A sticky folder (/tmp) is shared, but nobody can replace another's socket in it.
  if ((found.mode & 0o022) !== 0 && (found.mode & 0o1000) === 0)
    throw new AividaError({
      code: 'socket.folder-open',
      category: 'platform',
      message: `others may write to ${folder} (mode ${(found.mode & 0o777).toString(8)}), so they could replace the node's socket`,
      facts: { remedy: `chmod 700 '${folder}'` },
    })
}

function inUse(path: string, pid: number | 'unknown'): AividaError {
  return userError('socket.in-use', `a node (pid ${pid}) already listens at ${path}`, {
    remedy: 'aivida stop, or give this node a data folder of its own',
    pid,
  })
}

/** The pid of the node that answers here, `unknown` when something else listens, or `undefined` when nobody does. */
async function pidBehind(socketPath: string): Promise<number | 'unknown' | undefined> {
  const { request } = await import('node:http') // as a module it brings fetch with it: 25 ms
  return new Promise((resolve) => {
    const call = request({ socketPath, path: '/healthz', timeout: 1_000 }, async (reply) => {
      try {
        const body = Buffer.concat(await reply.toArray()).toString()
        resolve(Number(JSON.parse(body).data.pid) || 'unknown')
      } catch {
        resolve('unknown')
      }
    })
    call.on('timeout', () => call.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })))
    call.on('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? undefined : 'unknown'),
    )
    call.end()
  })
}
