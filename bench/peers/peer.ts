import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** A system that spreads Python functions over processes, as far as it is installed. */
export type Peer = 'ray' | 'dask'

/** What a peer does in a second. */
export interface PeerRates {
  /** Tasks, all submitted at once. */
  readonly async: number
  /** Tasks, one after the other. */
  readonly sync: number
  readonly version: string
}

/**
 * Names the Python interpreter of a virtual environment in which the peers are installed. Not `AIVIDA_...`: nodes refuse
 * variables of that kind which they do not know.
 */
export const PEERS_PYTHON = 'PEERS_PYTHON'

const PATIENCE_MS = 180_000

/** Two workers of a peer at tasks that add a number to itself; or why they could not be asked. */
export async function peerRates(
  peer: Peer,
  { tasks, roundTrips }: { readonly tasks: number; readonly roundTrips: number },
): Promise<PeerRates | { readonly reason: string }> {
  const python = process.env[PEERS_PYTHON]
  if (!python) return { reason: `set ${PEERS_PYTHON} to a Python that has ${peer}` }
  const script = fileURLToPath(new URL(`${peer}_tasks.py`, import.meta.url))
  try {
    const { stdout } = await promisify(execFile)(python, [script, String(tasks), String(roundTrips)], {
      timeout: PATIENCE_MS,
    })
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as PeerRates
  } catch (error) {
    const [line] = (error as Error).message.split('\n').slice(-2)
    return { reason: `${peer} did not run: ${line}` }
  }
}
