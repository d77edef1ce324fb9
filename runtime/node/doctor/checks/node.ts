import { broken, brokenBy, type Check, type Finding, ok, skipped, warning } from '../check.ts'
import type { Machine } from '../machine.ts'

/** Whether a node runs on this data folder, answers, and is of the version that asks. */
export const nodeCheck: Check = {
  name: 'node',
  async run({ machine, config, node, nodeError }) {
    const { socketPath } = config
    if (node) {
      const { version, pid, accepting, name } = node
      const ours = machine.software.aivida
      if (version !== ours)
        return [warning(`the node that runs is aivida ${version}, this command ${ours}`, 'aivida stop && aivida up')]
      if (!accepting) return [warning(`node ${name} (pid ${pid}) is ending and takes nothing new`, 'aivida up, later')]
      return [ok(`node ${name} runs (pid ${pid}) and takes work`)]
    }
    switch (nodeError?.code) {
      case undefined:
      case 'node.not-running':
      case 'system.not-a-folder': // the disk says so
        return [await noNode(machine, socketPath)]
      case 'control.malformed':
      case 'control.version':
        return [
          broken(
            `a node of another version runs behind ${socketPath}: it does not answer as this command expects`,
            'aivida stop, or end its process; then aivida up',
          ),
        ]
      case 'timeout':
        return [
          broken(
            `something holds ${socketPath} and does not answer`,
            `end its process (Linux: fuser ${socketPath} names it), then aivida up`,
          ),
        ]
      default:
        return [brokenBy(nodeError)]
    }
  },
}

async function noNode(machine: Machine, socketPath: string): Promise<Finding> {
  const kind = await machine.kindOf(socketPath)
  if (kind === 'nothing') return skipped('no node runs here; start it: aivida up')
  if (kind === 'socket')
    return skipped('no node runs here; the socket of one that was killed is left, and aivida up takes it away')
  return broken(
    `expected a socket or nothing at ${socketPath}, found a ${kind === 'folder' ? 'folder' : 'file'}`,
    'move it away, or choose another path: --socket-path',
  )
}
