import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { seededRandom, sha256 } from '../../runtime/base/index.ts'
import { mutateBytes, pick } from './bytes.ts'
import { mutateCbor } from './cbor.ts'
import { execute } from './execute.ts'
import type { Target } from './target.ts'

const CORPUS = fileURLToPath(new URL('../fixtures/fuzz', import.meta.url))

/** A decoder that broke its promise, and how to see it again. */
export interface Finding {
  readonly target: string
  readonly violation: string
  readonly replay: string
  readonly input: Uint8Array
}

/** What a campaign against one target came to. */
export interface Campaign {
  readonly executions: number
  /** How often inputs ended how: `value`, or the code of the refusal. */
  readonly outcomes: ReadonlyMap<string, number>
  readonly finding: Finding | undefined
}

/** The input of one execution: told by target, seed and number alone. */
export function inputOf(target: Target, seed: number, execution: number): Uint8Array {
  const random = seededRandom((Math.imul(seed, 0x9e3779b1) + Math.imul(execution, 0x85ebca6b)) >>> 0)
  const sample = pick(random, target.samples)
  const other = pick(random, target.samples).bytes
  const mutate = random.float() < 0.6 ? (target.mutate ?? mutateCbor) : mutateBytes
  const altered = mutate(sample.bytes, random, other)
  return sample.seal ? sample.seal(altered) : altered
}

/** Runs executions `from`, `from + 1`, ... until `isOver` says so or a decoder breaks its promise. */
export async function campaign(
  target: Target,
  seed: number,
  isOver: (executions: number) => boolean,
  from = 0,
  watch: (execution: number) => void = () => {},
): Promise<Campaign> {
  const outcomes = new Map<string, number>()
  for (let executions = 0; ; executions++) {
    if (isOver(executions)) return { executions, outcomes, finding: undefined }
    watch(from + executions)
    const input = inputOf(target, seed, from + executions)
    const verdict = await execute(target, input)
    if ('violation' in verdict) {
      const replay = `npm run fuzz -- ${target.name} 0 ${seed} ${from + executions}`
      const finding = { target: target.name, violation: verdict.violation, replay, input }
      return { executions: executions + 1, outcomes, finding }
    }
    outcomes.set(verdict.outcome, (outcomes.get(verdict.outcome) ?? 0) + 1)
  }
}

/** Inputs that once broke this target, and others worth keeping: files `test/fixtures/fuzz/TARGET/NAME.bin`. */
export function corpusOf(target: Target): { readonly name: string; readonly input: Uint8Array }[] {
  return globSync(join(CORPUS, target.name, '*.bin'))
    .sort()
    .map((file) => ({ name: basename(file), input: new Uint8Array(readFileSync(file)) }))
}

/** Puts a finding into the corpus; its file's path. */
export function keepFinding({ target, input }: Finding): string {
  const folder = join(CORPUS, target)
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `found-${sha256(input).slice(0, 12)}.bin`)
  writeFileSync(path, input)
  return path
}
