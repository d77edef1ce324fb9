import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom, systemClock } from '../../../runtime/base/index.ts'
import { externalDataNames, importModel, memoryBlobStore, treeOfBytes } from '../../../runtime/data/blob/index.ts'
import { addModel, type Field, field, graph, identityModel, model, node, tensor } from '../../support/onnx-models.ts'
import { refuses, refusesSync } from '../refusal.ts'

const scratch = mkdtempSync(join(tmpdir(), 'aivida-model-'))
test.after(() => rmSync(scratch, { recursive: true }))
const newStore = () => memoryBlobStore({ clock: systemClock })

const external = (name: string, location: string) =>
  tensor(name, 'float32', [2], { location, offset: '0', length: '8' })
const withWeights = (...locations: string[]) =>
  model({ nodes: [], initializers: locations.map((location, i) => external(`w${i}`, location)) })

let folders = 0
/** A folder with `model.onnx` and files beside it. */
function folderWith(bytes: Uint8Array, files: Record<string, string> = {}): string {
  const folder = join(scratch, String(folders++))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'model.onnx'), bytes)
  return join(folder, 'model.onnx')
}

test('a model is its graph; weights inside it need no blobs of their own', async () => {
  const store = await newStore()
  const graphRef = { blob: treeOfBytes(addModel()).root, sizeBytes: addModel().byteLength }
  assert.equal(await importModel(addModel(), store), { graph: graphRef, weights: [] })
  assert.equal(await importModel(folderWith(addModel()), store, { pin: { owner: 'job-1' } }), {
    graph: graphRef,
    weights: [],
  })
  assert.equal(store.pinned('job-1').roots, [graphRef.blob])
})

test('files in which a model keeps tensors become blobs under the names it knows them by', async () => {
  const store = await newStore()
  const path = folderWith(withWeights('model.onnx.data', 'parts/more.bin', 'model.onnx.data'), {
    'model.onnx.data': 'first weights',
    'parts/more.bin': 'second weights',
    'unused.bin': 'not named by the graph',
  })
  const { weights } = await importModel(path, store, { pin: { owner: 'job-1' } })
  assert.equal(
    weights,
    ['first weights', 'second weights'].map((content, i) => ({
      name: ['model.onnx.data', 'parts/more.bin'][i],
      blob: treeOfBytes(Buffer.from(content)).root,
      sizeBytes: content.length,
    })),
  )
  assert.is(store.pinned('job-1').roots.length, 3)
})

test('external tensors are found wherever ONNX lets them lie', () => {
  const at = (location: string) => external('t', location)
  const inner = graph({ nodes: [{ op: 'Constant', attributes: { value: { tensor: at('deep') } } }] })
  const bytes = model(
    {
      nodes: [
        { op: 'Constant', attributes: { value: { tensor: at('attribute') } } },
        { op: 'If', attributes: { then_branch: { graph: inner } } },
      ],
      initializers: [at('initializer'), tensor('inline', 'float32', [1], new Uint8Array(4))],
    },
    [
      field(25, [field(1, 'f'), field(7, node({ op: 'Constant', attributes: { value: { tensor: at('function') } } }))]),
      field(20, [field(1, graph({ nodes: [], initializers: [at('training')] }))]),
    ],
  )
  const sparse = model({ nodes: [] }, [field(7, [field(15, [field(1, at('values')), field(2, at('indices'))])])])
  assert.equal(externalDataNames(bytes).sort(), ['attribute', 'deep', 'function', 'initializer', 'training'])
  assert.equal(externalDataNames(sparse).sort(), ['indices', 'values'])
  assert.equal(externalDataNames(identityModel('float32')), [])
})

test('an entry counts only where the tensor says that its data lies outside', () => {
  const entry: Field = field(13, [field(1, 'location'), field(2, 'elsewhere')])
  const inline = [...tensor('t', 'float32', [1], new Uint8Array(4)), entry]
  assert.equal(externalDataNames(model({ nodes: [], initializers: [inline] })), [])
})

test('weights are taken from the model’s folder and from nowhere else', async () => {
  const store = await newStore()
  const outside = join(scratch, 'secret')
  writeFileSync(outside, 'secret')
  for (const location of [
    '../secret',
    outside,
    'a/../../secret',
    './w',
    'a//w',
    'c:\\w',
    'a\\w',
    'w\0',
    '',
    '..',
    'x'.repeat(600),
  ])
    await refuses('model.external-path', importModel(folderWith(withWeights(location), { w: '', 'a/w': '' }), store))
  const path = folderWith(withWeights('link'))
  symlinkSync(outside, join(path, '../link'))
  await refuses('model.external-path', importModel(path, store))
  const missing = await refuses('model.missing-weights', importModel(folderWith(withWeights('absent.bin')), store))
  assert.match(missing.message, 'absent.bin')
  await refuses('model.external-path', importModel(withWeights('w'), store))
  assert.is(store.usage(), 0)
})

test('what is no model is refused with a remedy', async () => {
  const store = await newStore()
  await refuses('model.missing', importModel(join(scratch, 'absent.onnx'), store))
  await refuses('model.unreadable', importModel(scratch, store))
  for (const bytes of [Buffer.from('hello, this is text'), new Uint8Array(), Uint8Array.of(8, 8), new Uint8Array(100)])
    await refuses('model.not-onnx', importModel(bytes, store))
  const huge = folderWith(new Uint8Array())
  truncateSync(huge, 2 ** 31)
  const error = await refuses('model.too-large', importModel(huge, store))
  assert.match(error.message, 'external data')
})

test('graphs nested too deep, and bytes altered anywhere, end in a typed error at once', () => {
  let nested = graph({ nodes: [] })
  for (let i = 0; i < 50; i++) nested = graph({ nodes: [{ op: 'If', attributes: { b: { graph: nested } } }] })
  refusesSync('model.not-onnx', () => externalDataNames(model({ nodes: [] }, [field(7, nested)])))
  const random = seededRandom(4)
  const bytes = withWeights('a', 'b')
  for (let round = 0; round < 2000; round++) {
    const altered = bytes.slice(0, round % 2 ? bytes.length : Math.floor(random.float() * bytes.length))
    altered[Math.floor(random.float() * altered.length)] = random.bytes(1)[0]!
    try {
      externalDataNames(altered)
    } catch (error) {
      assert.is((error as { code?: string }).code, 'model.not-onnx')
    }
  }
})

test.run()
