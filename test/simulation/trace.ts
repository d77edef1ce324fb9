import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'

/** What kind of thing a line tells of; `io` lines are hashed, but too many to be shown. */
export type TraceKind = 'io' | 'step' | 'event' | 'fault' | 'life' | 'log' | 'violation'

const FLUSH_LINES = 512
const SHOWN_LINES = 400

/**
 * Everything that happened in a run, in order: deliveries, disk operations, what the machines were told and decided,
 * what was published, faults. Its hash is the run's identity: equal seeds give equal hashes, or something reads the
 * world past its port.
 */
export class Trace {
  readonly #hash = createHash('sha256')
  readonly #file: string | undefined
  readonly #kept: string[] = []
  #pending: string[] = []
  #shown: string[] = []
  /** Lines so far. */
  lines = 0

  /** `file`: where every line is written when the run ends. */
  constructor(file?: string) {
    this.#file = file
  }

  add(atMs: number, site: string, kind: TraceKind, text: string): void {
    const line = `${atMs.toFixed(3)} ${site} ${kind} ${text}`
    this.lines++
    this.#pending.push(line)
    if (this.#pending.length >= FLUSH_LINES) this.#flush()
    if (this.#file !== undefined) this.#kept.push(line)
    if (kind === 'io') return
    this.#shown.push(line)
    if (this.#shown.length > 2 * SHOWN_LINES) this.#shown = this.#shown.slice(-SHOWN_LINES)
  }

  /** Ends the trace; its hash as hex. */
  end(): string {
    this.#flush()
    if (this.#file !== undefined) writeFileSync(this.#file, `${this.#kept.join('\n')}\n`)
    return this.#hash.digest('hex')
  }

  /** The last lines that say something to a reader. */
  tail(count: number): readonly string[] {
    return this.#shown.slice(-count)
  }

  #flush(): void {
    if (this.#pending.length > 0) this.#hash.update(`${this.#pending.join('\n')}\n`)
    this.#pending = []
  }
}
