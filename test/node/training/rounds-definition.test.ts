import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError } from '../../../runtime/base/index.ts'
import {
  type DilocoOptions,
  diloco,
  gradients,
  median,
  type RoundsDefinition,
  roundsOf,
  trimmedMean,
} from '../../../runtime/node/training/index.ts'
import { roundsRequestSchema } from '../../../runtime/protocol/index.ts'

/** The message of what is refused as `train.option`, with the option that it names. */
function refusal(make: () => unknown): string {
  try {
    make()
  } catch (error) {
    if (!isAividaError(error)) throw error
    assert.is(error.code, 'train.option')
    return `${error.facts.option}: ${error.message}`
  }
  throw new Error(`taken: ${make}`)
}

test('without workers it is a training on one', () => {
  assert.is(roundsOf({}), undefined)
})

test('what a definition says is a request that the node takes', () => {
  for (const [definition, expected] of [
    [{ workers: 4 }, { workers: { min: 4, max: 4 }, sync: 'auto', aggregation: { rule: 'mean' } }],
    [
      { workers: { min: 2, max: 8 }, sync: diloco() },
      { workers: { min: 2, max: 8 }, sync: 'diloco', recipe: {} },
    ],
    [
      { workers: 8, sync: diloco({ localSteps: 16, compression: 'q2', outer: { momentum: 0.2 } }) },
      {
        recipe: { localSteps: 16, up: { kind: 'q2' }, down: { kind: 'q2' }, outer: { rate: 1, momentum: 0.2 } },
      },
    ],
    [
      { workers: 4, sync: gradients({ compression: { up: 'i8', down: { kind: 'i8', block: 64 } } }) },
      { sync: 'gradients', recipe: { up: { kind: 'i8' }, down: { kind: 'i8', block: 64 } } },
    ],
    [{ workers: 2, sync: gradients() }, { recipe: {} }],
    [{ workers: 3, aggregation: trimmedMean(1) }, { aggregation: { rule: 'trimmed-mean', trim: 1 } }],
    [{ workers: 3, aggregation: median() }, { aggregation: { rule: 'median' } }],
    [
      { workers: 3, late: { factor: 0.5, maxAge: 2 }, balance: 'equal', deadline: { factor: 2 } },
      {
        late: { rule: 'weigh', factor: 0.5, maxAge: 2 },
        balance: 'equal',
        deadline: { factor: 2, leastMs: 2_000 },
      },
    ],
    [
      { workers: 1, late: 'return', replacement: 'zero', snapshotEvery: 4 },
      { late: { rule: 'return' }, replacement: 'zero', snapshotEvery: 4 },
    ],
  ] satisfies readonly [RoundsDefinition, object][]) {
    const request = roundsRequestSchema.parse(roundsOf(definition))
    assert.equal({ ...request, ...expected }, request)
  }
})

test('options of recipes are checked by name and kind', () => {
  const made = (options: unknown) => () => diloco(options as DilocoOptions)
  for (const [options, message] of [
    [{ localStep: 4 }, /diloco\.localStep: .*did you mean diloco\.localSteps\?/],
    [{ localSteps: 0 }, /expected a whole number from 1 .* for diloco\.localSteps, found 0/],
    [{ compression: 'q3' }, /expected one of f32, i8, i4, q2, s1, .* for diloco\.compression, found "q3"/],
    [{ compression: { kind: 'topk' } }, /diloco\.compression/],
    [{ compression: { up: 'q2', back: 'q2' } }, /diloco\.compression/],
    [{ outer: { rate: 1 } }, /expected an object such as \{ rate: 1, momentum: 0\.5 \}/],
    [{ outer: { momentum: 1 } }, /diloco\.outer/],
    [{ outer: { momentum: 0, nesterov: true } }, /diloco\.outer\.nesterov/],
  ] as const)
    assert.match(refusal(made(options)), message)
  assert.match(
    refusal(() => gradients({ compression: 4 as never })),
    /gradients\.compression, found 4/,
  )
  assert.match(
    refusal(() => trimmedMean(0)),
    /how many members trimmedMean leaves out at each end, found 0/,
  )
})

test('options that do not go together are refused with the reason', () => {
  for (const [definition, message] of [
    [{ sync: diloco() }, /sync: sync is an option of trainings over several workers; say how many: workers: 4/],
    [{ workers: { min: 4, max: 2 } }, /from a smaller number to a larger one, found 4 to 2/],
    [{ workers: 2, aggregation: trimmedMean(1) }, /trimmedMean\(1\) leaves nothing of 2 members: .* 3 at least/],
    [
      { workers: 4, aggregation: median(), sync: diloco({ compression: { kind: 'topk', share: 0.01 } }) },
      /median takes whole updates: of topk ones/,
    ],
  ] satisfies readonly [RoundsDefinition, RegExp][])
    assert.match(
      refusal(() => roundsOf(definition)),
      message,
    )
})

test.run()
