import { readFileSync } from 'node:fs'
import type { Frame } from '../../../runtime/swarm/wire/index.ts'

const text = (value: string) => new TextEncoder().encode(value)

/** What `test/fixtures/wire/frames-v1.bin` holds: every shape of a message, then the end. */
export const SAMPLE_FRAMES: readonly Frame[] = [
  { header: text('a header alone'), body: new Uint8Array() },
  { header: text('with a body'), body: Uint8Array.from({ length: 300 }, (_, i) => (i * 7) & 0xff) },
  { header: new Uint8Array(), body: text('a body alone') },
  { header: new Uint8Array(), body: new Uint8Array() },
]

/** The bytes of the fixture. */
export const SAMPLE_BYTES = new Uint8Array(readFileSync(new URL('../../fixtures/wire/frames-v1.bin', import.meta.url)))
