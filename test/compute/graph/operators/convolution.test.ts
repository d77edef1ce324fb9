import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Attributes, GraphBuilder } from '../../../../runtime/compute/graph/index.ts'
import { refusesSync } from '../../../data/refusal.ts'
import { checkGradients, type GradientCase } from '../../../support/gradient-check.ts'

/** Refused with this code, in words that show what matters. */
const says = (act: () => unknown, code: string, words: RegExp) => assert.match(refusesSync(code, act).message, words)

interface ConvolutionCase {
  readonly x: readonly number[]
  readonly w: readonly number[]
  readonly bias?: number
  readonly attributes?: Attributes
  /** What must come out. */
  readonly y: readonly number[]
}

const CONV: Readonly<Record<string, ConvolutionCase>> = {
  plain: { x: [2, 3, 5, 6], w: [4, 3, 3, 3], bias: 4, y: [2, 4, 3, 4] },
  'more columns than one product has': {
    x: [1, 8, 4, 4],
    w: [3, 8, 3, 3],
    attributes: { pads: [1, 1, 1, 1] },
    y: [1, 3, 4, 4],
  },
  'many more outputs than inputs': {
    x: [2, 1, 4, 5],
    w: [6, 1, 3, 2],
    attributes: { pads: [1, 0, 1, 1] },
    y: [2, 6, 4, 5],
  },
  'pads, unequal': { x: [2, 2, 5, 5], w: [3, 2, 3, 3], attributes: { pads: [1, 0, 2, 1] }, y: [2, 3, 6, 4] },
  'pads as large as the kernel': {
    x: [1, 2, 4, 4],
    w: [3, 2, 2, 2],
    attributes: { pads: [2, 2, 2, 2] },
    y: [1, 3, 7, 7],
  },
  'stride 2 with a rest': {
    x: [2, 3, 8, 7],
    w: [4, 3, 3, 3],
    bias: 4,
    attributes: { strides: [2, 2], pads: [1, 1, 1, 1] },
    y: [2, 4, 4, 4],
  },
  'stride 2, padded at one end': {
    x: [2, 3, 8, 7],
    w: [4, 3, 3, 3],
    attributes: { strides: [2, 2], pads: [0, 1, 1, 1] },
    y: [2, 4, 4, 4],
  },
  'stride 3, kernel 1': { x: [2, 3, 8, 7], w: [4, 3, 1, 1], attributes: { strides: [3, 2] }, y: [2, 4, 3, 4] },
  'dilation 2': {
    x: [2, 2, 7, 8],
    w: [3, 2, 3, 2],
    attributes: { dilations: [2, 3], pads: [2, 1, 2, 1] },
    y: [2, 3, 7, 7],
  },
  'dilation and stride': {
    x: [1, 2, 9, 9],
    w: [3, 2, 3, 3],
    attributes: { dilations: [2, 2], strides: [2, 3], pads: [1, 1, 1, 1] },
    y: [1, 3, 4, 3],
  },
  groups: { x: [2, 6, 5, 5], w: [4, 3, 3, 3], bias: 4, attributes: { group: 2, pads: [1, 1, 1, 1] }, y: [2, 4, 5, 5] },
  'groups, stride 2': {
    x: [2, 4, 6, 6],
    w: [6, 2, 3, 3],
    attributes: { group: 2, strides: [2, 2], pads: [1, 1, 1, 1] },
    y: [2, 6, 3, 3],
  },
  depthwise: {
    x: [2, 4, 5, 5],
    w: [4, 1, 3, 3],
    bias: 4,
    attributes: { group: 4, pads: [1, 1, 1, 1] },
    y: [2, 4, 5, 5],
  },
  'depthwise, two outputs a channel, stride 2': {
    x: [2, 3, 6, 7],
    w: [6, 1, 3, 3],
    attributes: { group: 3, strides: [2, 2], pads: [1, 1, 1, 1] },
    y: [2, 6, 3, 4],
  },
  'auto_pad SAME_UPPER': { x: [2, 2, 6, 5], w: [3, 2, 2, 3], attributes: { auto_pad: 'SAME_UPPER' }, y: [2, 3, 6, 5] },
  'auto_pad SAME_LOWER, stride 2': {
    x: [1, 2, 6, 5],
    w: [3, 2, 2, 4],
    attributes: { auto_pad: 'SAME_LOWER', strides: [2, 2] },
    y: [1, 3, 3, 3],
  },
  'one axis': { x: [2, 3, 9], w: [4, 3, 3], bias: 4, attributes: { strides: [2], pads: [1, 1] }, y: [2, 4, 5] },
  'three axes': {
    x: [1, 2, 4, 3, 4],
    w: [3, 2, 2, 2, 2],
    attributes: { pads: [1, 0, 0, 0, 0, 1] },
    y: [1, 3, 4, 2, 4],
  },
}

const CONV_TRANSPOSE: Readonly<Record<string, ConvolutionCase>> = {
  plain: { x: [2, 3, 4, 4], w: [3, 2, 3, 3], bias: 2, y: [2, 2, 6, 6] },
  'stride 2': {
    x: [2, 3, 4, 3],
    w: [3, 2, 3, 3],
    attributes: { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
    y: [2, 2, 8, 6],
  },
  'groups, dilation': {
    x: [1, 4, 4, 4],
    w: [4, 3, 2, 2],
    bias: 6,
    attributes: { group: 2, dilations: [2, 2] },
    y: [1, 6, 6, 6],
  },
}

function caseOf(op: string, { x, w, bias, attributes, y }: ConvolutionCase): GradientCase {
  return {
    inputs: bias === undefined ? { x, w } : { x, w, bias: [bias] },
    dtype: 'float32',
    tolerance: 1e-3,
    build: (g, named) => {
      const value = g.apply(op, bias === undefined ? [named.x, named.w] : [named.x, named.w, named.bias], attributes)
      assert.equal(value.shape, [...y])
      return value
    },
  }
}

for (const [op, cases] of Object.entries({ Conv: CONV, ConvTranspose: CONV_TRANSPOSE }))
  for (const [name, each] of Object.entries(cases))
    for (const target of ['cpu', 'portable'] as const) {
      const what = `${op}, ${name}, ${target}`
      test(what, () => checkGradients(what, { ...caseOf(op, each), target }))
    }

test('what does not fit is told with both shapes', () => {
  const g = new GraphBuilder()
  const input = (name: string, shape: readonly number[]) => g.input(name, { dtype: 'float32', shape })
  const [x, w, bias] = [input('x', [2, 3, 5, 5]), input('w', [4, 2, 3, 3]), input('bias', [3])]
  const within = (op: string, inputs: Parameters<GraphBuilder['apply']>[1], attributes: Attributes = {}) =>
    g.within('features/0', () => g.apply(op, inputs, attributes))
  says(() => within('Conv', [x, w]), 'graph.shape', /features\/0.*\[2, 3, 5, 5\].*\[4, 2, 3, 3\]/)
  says(() => within('Conv', [x, input('w2', [4, 3, 3, 3]), bias]), 'graph.shape', /bias \[4\].*\[3\]/)
  says(() => within('Conv', [x, input('w3', [4, 3, 7, 7])]), 'graph.shape', /\[7, 7\].*\[5, 5\]/)
  says(() => within('Conv', [x, input('w4', [4, 3, 3])]), 'graph.shape', /rank/)
  says(() => within('Conv', [x, input('w5', [4, 3, 1, 1])], { strides: [0, 1] }), 'graph.attribute', /strides/)
  says(() => within('ConvTranspose', [x, w]), 'graph.shape', /\[3, outputs/)
})

test.run()
