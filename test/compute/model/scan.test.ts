import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AividaError, isAividaError } from '../../../runtime/base/errors.ts'
import { type ScanOptions, scanModel } from '../../../runtime/compute/model/scan.ts'
import {
  addModel,
  type Field,
  field,
  floats,
  type GraphInit,
  graph,
  model,
  type NodeInit,
  node,
  tensor,
  value,
} from '../../support/onnx-models.ts'

const test = suite('scan')

const copy: NodeInit = { op: 'Identity', inputs: ['x'], outputs: ['y'], name: 'copy' }
const x = value('x', 'float32', ['n', 3])
const y = value('y', 'float32', ['n', 3])
const withNodes = (...nodes: NodeInit[]) => model({ nodes, inputs: [x], outputs: [y] })
const withTensor = (...initializers: Field[][]) => model({ nodes: [copy], inputs: [x], outputs: [y], initializers })

function failure(bytes: Uint8Array, options?: ScanOptions): AividaError {
  try {
    scanModel(bytes, options)
  } catch (error) {
    if (isAividaError(error)) return error
    throw error
  }
  throw new Error('the scan let it pass')
}

function refuses(bytes: Uint8Array, reason: string, message: RegExp, options?: ScanOptions): void {
  const error = failure(bytes, options)
  assert.is(error.code, 'model.refused', error.message)
  assert.is(error.facts.reason, reason, error.message)
  assert.match(error.message, message)
}

test('reports nodes, bytes, inputs without a default, outputs and operator sets', () => {
  const w = tensor('w', 'float32', [2, 3], floats(1, 2, 3, 4, 5, 6))
  const init: GraphInit = {
    nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
    inputs: [x, value('w', 'float32', [2, 3])],
    outputs: [value('y', 'float32', ['n', -1])],
    initializers: [w],
  }
  assert.equal(scanModel(model(init)), {
    nodes: 1,
    parameterBytes: 24,
    inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 3] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['n', '?'] }],
    opsets: { '': 17 },
  })
})

test('what is not ONNX is named for what it is', () => {
  const found: [string | Uint8Array, RegExp][] = [
    ['', /empty file/],
    ['PK\x03\x04....', /PyTorch/],
    ['<!DOCTYPE html><html>', /web page/],
    ['version https://git-lfs.github.com/spec/v1\n', /Git LFS/],
    ['hello, world', /text file/],
    [Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f), /at byte/],
    [field(1, 8), /without a graph/],
    [addModel().subarray(0, 40), /at byte/],
  ]
  for (const [bytes, message] of found) {
    const error = failure(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    assert.is(error.code, 'model.not-onnx')
    assert.match(error.message, message)
  }
})

test('a file that is ONNX to a scan and another format to an engine is refused', () => {
  const disguised = Buffer.concat([field(6, 'ab\0ORTM...'), addModel()])
  disguised.write('ORTM', 4, 'latin1')
  assert.is(failure(disguised).code, 'model.not-onnx')
})

test('operators that loop, draw or run foreign code are refused by node and name', () => {
  for (const op of ['Loop', 'Scan', 'EPContext', 'PyOp', 'RandomNormal', 'Bernoulli', 'Multinomial'])
    refuses(withNodes({ ...copy, op, name: 'bad' }), 'operator', new RegExp(`"bad" \\(${op}\\)`))
  refuses(withNodes({ ...copy, op: 'Loop', domain: 'com.microsoft' }), 'operator', /com\.microsoft\.Loop/)
  refuses(withNodes({ ...copy, op: 'RandomUniform', attributes: { seed: { float: 1 } } }), 'operator', /random state/)
  refuses(withNodes({ ...copy, op: 'Dropout', inputs: ['x', 'r', 't'] }), 'operator', /Dropout/)
  scanModel(withNodes({ ...copy, op: 'Dropout' }))
})

test('unknown domains are refused, unless the model defines the function itself', () => {
  refuses(withNodes({ ...copy, domain: 'evil' }), 'domain', /"evil"/)
  const twice = field(25, [field(1, 'Twice'), field(7, node(copy)), field(7, node(copy)), field(10, 'mine')])
  const calls = { nodes: [{ ...copy, op: 'Twice', domain: 'mine' }, copy], inputs: [x], outputs: [y] }
  assert.is(scanModel(model(calls, [twice])).nodes, 4)
  const loops = field(25, [field(1, 'Twice'), field(7, node({ ...copy, op: 'Loop' })), field(10, 'mine')])
  refuses(model(calls, [loops]), 'operator', /Loop/)
})

test('functions that grow without end are refused, and quickly', () => {
  const fn = (name: string, ...callees: string[]) =>
    field(25, [field(1, name), field(10, 'f'), ...callees.map((op) => field(7, node({ ...copy, op, domain: 'f' })))])
  const start: GraphInit = { nodes: [{ ...copy, op: 'f0', domain: 'f' }], inputs: [x], outputs: [y] }
  const doubling = Array.from({ length: 31 }, (_, i) => fn(`f${i}`, `f${i + 1}`, `f${i + 1}`))
  refuses(model(start, [...doubling, fn('f31')]), 'nodes', /inlined/)
  refuses(model(start, [fn('f0', 'f1'), fn('f1', 'f0')]), 'depth', /without end/)
  const deep = Array.from({ length: 40 }, (_, i) => fn(`f${i}`, `f${i + 1}`))
  refuses(model(start, [...deep, fn('f40')]), 'depth', /deeper/)
  // Met from the shallow end first, a long chain must not pass because its tail is known already.
  const order: GraphInit = { ...start, nodes: [39, 20, 0].map((i) => ({ ...copy, op: `f${i}`, domain: 'f' })) }
  refuses(model(order, [...deep, fn('f40')]), 'depth', /deeper/)
})

test('nodes, depth and size are bounded', () => {
  refuses(withNodes(copy, copy, copy), 'nodes', /more than 2/, { maxNodes: 2 })
  refuses(withNodes(copy), 'size', /at most 10/, { maxBytes: 10 })
  let inner = graph({ nodes: [copy] })
  for (let i = 0; i < 8; i++) inner = graph({ nodes: [{ op: 'If', attributes: { then_branch: { graph: inner } } }] })
  assert.is(
    scanModel(withNodes({ op: 'If', attributes: { then_branch: { graph: graph({ nodes: [copy] }) } } })).nodes,
    2,
  )
  refuses(withNodes({ op: 'If', attributes: { then_branch: { graph: inner } } }), 'depth', /deeper than 8/)
})

test('a refused operator is found wherever a graph can hide', () => {
  const loop = graph({ nodes: [{ ...copy, op: 'Loop' }] })
  refuses(withNodes({ op: 'If', attributes: { else_branch: { graph: loop } } }), 'operator', /Loop/)
  const byDefault = field(25, [field(1, 'F'), field(10, 'f'), field(11, [field(1, 'g'), field(6, loop)])])
  refuses(model({ nodes: [copy], inputs: [x], outputs: [y] }, [byDefault]), 'operator', /Loop/)
})

test('tensors carry what they declare', () => {
  refuses(withTensor(tensor('w', 'float32', [-1], floats(1))), 'dims', /negative/)
  refuses(withTensor(tensor('w', 'float32', [1 << 30, 1 << 30], floats(1))), 'size', /tensor "w"/)
  refuses(withTensor(tensor('w', 'float32', Array(17).fill(1), floats(1))), 'dims', /16/)
  refuses(withTensor([field(1, 1), field(2, 99), field(8, 'w')]), 'type', /element type 99/)
  const constant = { tensor: tensor('c', 'float32', [1000], floats(1)) }
  refuses(withNodes({ op: 'Constant', outputs: ['y'], name: 'k', attributes: { value: constant } }), 'size', /"k"/)
  assert.is(scanModel(withTensor(tensor('w', 'float32', [0], new Uint8Array()))).parameterBytes, 0)
})

test('sparse tensors are bounded by their dense size', () => {
  const sparse = [field(1, tensor('v', 'float32', [1], floats(1))), field(3, 1 << 30)]
  const init = graph({ nodes: [copy], inputs: [x], outputs: [y] })
  const bytes = Buffer.concat([field(7, [...init, field(15, sparse)]), field(8, [field(2, 17)])])
  refuses(bytes, 'size', /sparse/)
})

test('external data is read from the weights that came along, and from nowhere else', () => {
  const at = (place: Record<string, string>) => withTensor(tensor('w', 'float32', [3], place))
  const weights = { 'a/w.bin': 20 }
  assert.is(scanModel(at({ location: 'a/w.bin', offset: '8', length: '12' }), { weights }).parameterBytes, 12)
  refuses(at({ location: 'a/w.bin' }), 'external-data', /not among the weights/)
  refuses(at({ location: '/etc/passwd' }), 'external-data', /absolute/, { weights })
  refuses(at({ location: 'C:\\w.bin' }), 'external-data', /absolute/, { weights })
  refuses(at({ location: '../w.bin' }), 'external-data', /leaves the folder/, { weights })
  refuses(at({ location: 'a/../../w.bin' }), 'external-data', /leaves the folder/, { weights })
  refuses(at({ location: './a/w.bin' }), 'external-data', /plain/, { weights })
  refuses(at({}), 'external-data', /plain/, { weights })
  refuses(at({ location: '*/_ORT_MEM_ADDR_/*', offset: '4096' }), 'external-data', /not among/, { weights })
  refuses(at({ location: 'a/w.bin', offset: '9', length: '12' }), 'external-data', /holds 20/, { weights })
  refuses(at({ location: 'a/w.bin', offset: '-8', length: '12' }), 'external-data', /needs 12/, { weights })
  refuses(at({ location: 'a/w.bin', length: '16' }), 'external-data', /needs 12/, { weights })
  refuses(at({ location: 'a/w.bin', basepath: '/' }), 'external-data', /"basepath"/, { weights })
  const twice = [
    ...tensor('w', 'float32', [3], { location: 'a/w.bin' }),
    field(13, [field(1, 'location'), field(2, '/')]),
  ]
  refuses(withTensor(twice), 'external-data', /"location"/, { weights })
  refuses(withNodes(copy), 'external-data', /absolute/, { weights: { '/abs': 1 } })
  const constant = { tensor: tensor('c', 'float32', [3], { location: '/etc/passwd' }) }
  refuses(withNodes({ op: 'Constant', outputs: ['y'], attributes: { value: constant } }), 'external-data', /absolute/)
})

test('what must stand once may not stand twice', () => {
  const twoOps = Buffer.concat([...node(copy), field(4, 'Loop')])
  refuses(Buffer.concat([field(7, [field(1, twoOps)]), field(8, [])]), 'duplicate', /field 4/)
  refuses(Buffer.concat([withNodes(copy), field(7, graph({ nodes: [copy] }))]), 'duplicate', /field 7/)
  refuses(withTensor([...tensor('w', 'int8', [1], Uint8Array.of(1)), field(2, 1)]), 'duplicate', /field 2/)
})

test('inputs that are not tensors, and training steps beside the graph, are refused', () => {
  const sequence = [field(1, 's'), field(2, [field(4, [])])]
  refuses(model({ nodes: [copy], inputs: [sequence], outputs: [y] }), 'type', /"s"/)
  refuses(Buffer.concat([withNodes(copy), field(20, [])]), 'training-info', /training/)
})

test('truncated and scrambled models end in a typed error, never in another', () => {
  const whole = withTensor(
    tensor('w', 'float32', [3], { location: 'w.bin' }),
    tensor('v', 'float32', [2], floats(1, 2)),
  )
  for (let i = 0; i < whole.byteLength; i++)
    for (const mutate of [0x01, 0x80, 0xff]) {
      const bytes = Uint8Array.from(whole)
      bytes[i]! ^= mutate
      for (const each of [bytes, whole.subarray(0, i)])
        try {
          scanModel(each, { weights: { 'w.bin': 12 } })
        } catch (error) {
          assert.ok(isAividaError(error), String(error))
          assert.match((error as AividaError).code, /^model\.(not-onnx|refused)$/)
        }
    }
})

test.run()
