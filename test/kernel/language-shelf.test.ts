import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { declarationsFile } from '../../kernel/declarations/declarations-file.ts'
import { loadTslab, nodeTypesFolder } from '../../kernel/language/tslab.ts'

/** A folder with a package that adds to declarations of others. */
const folder = mkdtempSync(join(tmpdir(), 'aivida-shelf-'))
mkdirSync(join(folder, 'node_modules/adds'), { recursive: true })
writeFileSync(join(folder, 'node_modules/adds/package.json'), '{ "name": "adds", "types": "index.d.ts" }')
writeFileSync(
  join(folder, 'node_modules/adds/index.d.ts'),
  `export {}
declare global { interface GPUDevice { added: 1 } }
declare module 'node:querystring' { interface ParsedUrlQuery { added: 2 } }
declare module 'aivida' { interface ErrorInit { added: 3 } }
`,
)
const setup = { cwd: folder, typesFile: declarationsFile(), nodeTypes: nodeTypesFolder(), builtins: builtinModules }
const tslab = loadTslab(setup)
const { ts } = tslab.compiler
const converter = tslab.createConverter()
let declared = ''
let read: string[] = []
const { readFile } = ts.sys
ts.sys.readFile = (path, encoding) => {
  read.push(path)
  return readFile(path, encoding)
}

/** What a cell declares, and the declaration files that were read for it. */
function cell(code: string) {
  read = []
  const { declOutput = '', diagnostics } = converter.convert(declared, code)
  if (diagnostics.length > 0) return { errors: diagnostics.map(({ messageText }) => messageText), read: [] as string[] }
  declared = declOutput
  return { declared, read: read.filter((path) => path.endsWith('.d.ts') && !path.startsWith(folder)) }
}
const typeOf = (name: string) => new RegExp(`(?:const|let) ${name}: ([^;]*);`).exec(declared)?.[1]

const shelf = suite('kernel/language-shelf')

shelf('a cell that looks into no declaration of a package reads none', () => {
  for (const code of ['1 + 1', 'let a = [1, 2]', 'console.log(a.map(String), process.argv, Buffer.from("x"))']) {
    const { read, errors } = cell(code)
    assert.is(errors, undefined)
    assert.equal(
      read.filter((path) => !/typescript-for-tslab/.test(path)),
      [],
    )
  }
})

shelf('what is looked at is read once', () => {
  const code = "import { readFileSync, createReadStream } from 'node:fs'\nconst text = readFileSync('x', 'utf8')"
  const first = cell(code).read!
  assert.ok(first.some((path) => path.endsWith('node/fs.d.ts')))
  assert.not(first.some((path) => /tensorflow|arrow|http2/.test(path)))
  assert.is(typeOf('text'), 'string')
  assert.equal(cell(code).read, [])
  const others = cell("import { spawn } from 'node:child_process'\nconst stream = createReadStream('x')").read!
  assert.not(
    others.some((path) => /tensorflow|arrow/.test(path)),
    'to find how a type is written',
  )
  assert.is(typeOf('stream'), 'import("fs").ReadStream')
})

shelf('types of packages and of the session are as if all had been there', () => {
  cell('const points = tf.tensor2d([[1, 2]])\nconst summed = points.sum()\nconst layer = tf.layers.dense({ units: 3 })')
  assert.equal(['points', 'summed'].map(typeOf), ['tf.Tensor2D', 'tf.Tensor<tf.Rank>'])
  assert.match(typeOf('layer')!, /\.Dense$/)
  cell(
    'const table = arrow.tableFromArrays({ a: [1] })\nconst rows = await cluster.infer({ model: "m", input: table })',
  )
  cell('const column = rows.getChild("a")\nconst count = table.numRows')
  assert.equal(['rows', 'column', 'count'].map(typeOf), ['arrow.Table<any>', 'arrow.Vector<any>', 'number'])
  assert.equal(cell('const wrong: string = points.abs().shape').errors, [
    "Type '[number, number]' is not assignable to type 'string'.",
  ])
  assert.match(cell('table.numRws').errors![0]!, /Did you mean 'numRows'/)
})

shelf('what a package adds to declarations that were put away is there, beside what they have', () => {
  const { errors } = cell(`import 'adds'
import { parse } from 'node:querystring'
const query = parse('a=1')
const added = query.added
const known = query.other
declare const device: GPUDevice
const both = [device.added, device.queue] as const
import { type ErrorInit } from 'aivida'
declare const init: ErrorInit
const inits = [init.added, init.code] as const`)
  assert.is(errors, undefined)
  assert.equal(['added', 'known', 'both', 'inits'].map(typeOf), [
    '2',
    'string | string[]',
    'readonly [1, GPUQueue]',
    'readonly [3, string]',
  ])
})

shelf('descriptions and names are completed', () => {
  const inspected = (code: string, at: string) =>
    tslab.printQuickInfo(converter.inspect(declared, code, code.lastIndexOf(at))!)
  assert.match(inspected("import { createServer } from 'node:http'\ncreateServer", 'createServer'), /new instance of/)
  assert.match(inspected('process.cwd', 'cwd'), /current working directory/)
  assert.match(inspected('cluster.train', 'train'), /Trains a model/)
  assert.match(inspected('tf.sequential', 'sequential'), /linear stack/)
  const names = converter.complete(declared, 'clus', 4).candidates
  assert.ok(names.includes('cluster'))
  assert.ok(
    converter.complete(declared, "import { createSer } from 'node:http'", 18).candidates.includes('createServer'),
  )
})

shelf.after(() => {
  ts.sys.readFile = readFile
  converter.close()
  rmSync(folder, { recursive: true, force: true })
})
shelf.run()
