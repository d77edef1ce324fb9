import type { Clock } from '../../runtime/base/clock.ts'
import { assertNever } from '../../runtime/base/errors.ts'
import { limit } from '../../runtime/base/limits.ts'
import { begunSecret } from '../../runtime/base/secrets.ts'
import type { CellOutput } from '../cell.ts'
import type { MimeBundle } from '../display/mime-bundle.ts'
import { CoveredStream } from './covered-stream.ts'

/** Sends one message on IOPub, as something that a certain cell put out. */
export type Publish = (type: string, content: Readonly<Record<string, unknown>>) => void

/** What there may be of one output, and of all of a cell, in UTF-16 units. */
export interface OutputRoom {
  readonly output: number
  readonly cell: number
}

/**
 * What one cell puts out, as messages in the same order. Text on one stream is sent every 20 ms, so that
 * 20,000 lines are a few hundred messages; whatever else is put out takes it along. One output and all of a cell
 * have bounds, and words where something was left out: an output is in memory several times on its way, and in the
 * notebook for good.
 */
export class CellOutputs {
  readonly #publish: Publish
  readonly #clock: Clock
  readonly #number: number
  readonly #room: OutputRoom
  #left: number
  #waiting: { readonly name: 'stdout' | 'stderr'; text: string } | undefined
  readonly #covered = { stdout: new CoveredStream(), stderr: new CoveredStream() }
  /** Whether the text that waits has been held back once. */
  #isHeld = false
  #sentMs = Number.NEGATIVE_INFINITY
  #callOff: () => void = () => {}

  constructor(
    publish: Publish,
    clock: Clock,
    number: number,
    room: OutputRoom = { output: limit('kernelOutputCharacters'), cell: limit('kernelCellCharacters') },
  ) {
    this.#publish = publish
    this.#clock = clock
    this.#number = number
    this.#room = room
    this.#left = room.cell
  }

  /** Puts something out, in order. */
  put(output: CellOutput): void {
    if (output.type !== 'stream') this.flush()
    switch (output.type) {
      case 'stream':
        this.#write(output.name, output.text)
        break
      case 'display':
        if (!this.#fits(sizeOf(output.bundle))) break
        this.#publish('display_data', this.#display(output))
        break
      case 'result':
        if (!this.#fits(sizeOf(output.bundle))) break
        this.#publish('execute_result', { execution_count: this.#number, ...this.#display(output) })
        break
      case 'update': // takes the place of another, so a cell may have any number of them
        this.#publish('update_display_data', this.#display(output))
        break
      case 'clear':
        this.#left = this.#room.cell // what is cleared is not saved
        this.#publish('clear_output', { wait: output.wait })
        break
      default:
        assertNever(output)
    }
  }

  /** Sends the text that waits for more. */
  flush(): void {
    this.#callOff()
    const waiting = this.#waiting
    this.#waiting = undefined
    this.#isHeld = false
    if (!waiting) return
    this.#sentMs = this.#clock.monoMs()
    const text = this.#covered[waiting.name].next(waiting.text)
    if (text !== '') this.#publish('stream', { name: waiting.name, text })
  }

  /** The same, but for an end that may be half of a secret: it waits once more for the other half. */
  #flushSoon(): void {
    const { name, text } = this.#waiting!
    const begun = this.#isHeld ? 0 : begunSecret(text)
    this.#waiting!.text = text.slice(0, text.length - begun)
    this.flush()
    if (begun === 0) return
    this.#isHeld = true
    this.#waiting = { name, text: text.slice(-begun) }
    this.#callOff = this.#clock.after(limit('kernelSecretMs'), () => this.flush())
  }

  #write(name: 'stdout' | 'stderr', all: string): void {
    if (all === '') return
    const text = cut(all, this.#room.output)
    if (!this.#fits(text.length)) return
    if (this.#waiting && this.#waiting.name !== name) this.flush()
    this.#isHeld = false
    if (this.#waiting) this.#waiting.text += text
    else {
      this.#waiting = { name, text }
      this.#callOff = this.#clock.after(limit('kernelStreamMs'), () => this.#flushSoon())
    }
    // The first text after a pause is sent at once, and none waits for a timer: there are none while a cell computes.
    const isDue = this.#clock.monoMs() - this.#sentMs >= limit('kernelStreamMs')
    if (isDue || this.#waiting.text.length >= limit('kernelStreamCharacters')) this.#flushSoon()
  }

  /** Takes room for an output; when there is no more, says so, once. */
  #fits(characters: number): boolean {
    if (this.#left < 0) return false
    this.#left -= Math.min(characters, this.#room.output)
    if (this.#left >= 0) return true
    this.flush()
    const text = `[what else this cell puts out is left out: it has put out ${megabytes(this.#room.cell)}. Write to a file instead.]\n`
    this.#publish('stream', { name: 'stderr', text })
    return false
  }

  #display({ bundle, displayId, isLive }: Shown): Record<string, unknown> {
    // What is transient no front end saves, and one that does not know it lets it be.
    const transient = {
      ...(displayId !== undefined && { display_id: displayId }),
      ...(isLive && { aivida_live: true }),
    }
    return { data: reduced(bundle, this.#room.output), metadata: {}, transient }
  }
}

interface Shown {
  readonly bundle: MimeBundle
  readonly displayId?: string
  readonly isLive?: boolean
}

/** The forms of a value that there is room for, its text last of all, which is cut; and words where something lacks. */
function reduced(bundle: MimeBundle, room: number): Record<string, unknown> {
  if (sizeOf(bundle) <= room) return { ...bundle }
  const kept = Object.entries(bundle).filter(([type, form]) => type !== 'text/plain' && lengthOf(form) <= room / 2)
  const left = Object.keys(bundle).filter((type) => type !== 'text/plain' && !kept.some(([name]) => name === type))
  const said = left.length === 0 ? '' : `\n[left out, too large or not JSON: ${left.join(', ')}]`
  return { ...Object.fromEntries(kept), 'text/plain': cut(bundle['text/plain'], room / 2) + said }
}

function cut(text: string, room: number): string {
  if (text.length <= room) return text
  const left = megabytes(text.length - room)
  return `${text.slice(0, room)}\n[cut: ${left} more; one output may have ${megabytes(room)}. Write it to a file instead.]\n`
}

function sizeOf(bundle: MimeBundle): number {
  return Object.values(bundle).reduce((sum, form) => sum + lengthOf(form), 0)
}

function lengthOf(form: unknown): number {
  if (typeof form === 'string') return form.length
  try {
    return JSON.stringify(form)?.length ?? 0
  } catch {
    return Number.POSITIVE_INFINITY // a bigint, a cycle: it cannot travel
  }
}

function megabytes(characters: number): string {
  return `${(characters / 2 ** 20).toFixed(1)} MB`
}
