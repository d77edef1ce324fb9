import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { limit } from '../../base/limits.ts'
import { writeWhole } from '../../base/whole-file.ts'

/** What was proven of a class under one version of Node. */
const cacheSchema = z.object({
  v: z.literal(1),
  proofs: z.array(z.object({ class: z.string(), node: z.string(), exact: z.boolean() })).max(limit('exactClasses')),
})

type Cache = z.infer<typeof cacheSchema>

/** Proofs kept in a file, so that a start need not repeat them. A file that can't be read counts as empty. */
export class ExactCache {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  async get(className: string, nodeVersion: string): Promise<boolean | undefined> {
    const { proofs } = await this.#read()
    return proofs.find((proof) => proof.class === className && proof.node === nodeVersion)?.exact
  }

  /** Adds a proof and drops the oldest ones above the limit. */
  async set(className: string, nodeVersion: string, exact: boolean): Promise<void> {
    const others = (await this.#read()).proofs.filter((each) => each.class !== className || each.node !== nodeVersion)
    const proofs = [...others, { class: className, node: nodeVersion, exact }].slice(-limit('exactClasses'))
    await mkdir(dirname(this.#file), { recursive: true })
    await writeWhole(this.#file, [Buffer.from(JSON.stringify({ v: 1, proofs } satisfies Cache))])
  }

  async #read(): Promise<Cache> {
    try {
      return cacheSchema.parse(JSON.parse(await readFile(this.#file, 'utf8')))
    } catch {
      return { v: 1, proofs: [] }
    }
  }
}
