import { execFileSync } from 'node:child_process'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

process.chdir(resolve(import.meta.dirname, '..'))

/** What the top level holds, dot-files and the lockfile aside. */
const TOP_LEVEL = [
  'LICENSE',
  'README.md',
  'bench',
  'datasets',
  'kernel',
  'notebooks',
  'package.json',
  'runtime',
  'test',
  'tsconfig.json',
  'tui',
]
/** The folders of runtime/ in the order of a job's journey: each imports only from itself and from those before it. */
const JOURNEY = [
  'base',
  'log',
  'protocol',
  'swarm',
  'data',
  'compute',
  'job',
  'trust',
  'credit',
  'node',
  'local-cluster',
  'cli',
]
/** What makes others and hands itself to them: rows of operators and their builder, layers and their scope, a child and its sessions. */
const HANDED_BACK = [
  'runtime/compute/graph/build/graph-builder.ts',
  'runtime/compute/graph/layers/scope.ts',
  'runtime/compute/engine/child/engine-child.ts',
]
const CATCH_ALL = /^(utils?|helpers?|types?|common|misc|shared|lib|stuff)(\.test)?(\.ts|\.js)?$/
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(_pb|\.config|\.test|\.build)?\.[a-z]+$/
const EXACT = /^(npm:[^@]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/
const MAX_LINES = 400

const sources = globSync('{runtime,kernel,tui,bench,datasets}/**/*.{ts,js}').filter(
  (file) => !/_pb\.ts$|\.d\.ts$/.test(file),
)
const tests = globSync('test/**/*.ts').filter((file) => !file.startsWith(join('test', 'fixtures')))
const text = (file: string) => readFileSync(file, 'utf8')
const manifest = JSON.parse(text('package.json'))
const lock = JSON.parse(text('package-lock.json'))

interface LockEntry {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly optional?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}
const locked = Object.entries<LockEntry>(lock.packages)

const tidy = suite('tidy')

tidy('the top level is exactly what it should be', () => {
  assert.equal(topLevel().sort(), TOP_LEVEL)
})

tidy('imports point one way', () => {
  const wrong = sources.flatMap((file) =>
    imports(file)
      .filter((target) => !mayImport(file, target))
      .map((target) => `${file} -> ${target}`),
  )
  assert.equal(wrong, [])
})

tidy('no file needs itself: imports go in no circle, those of types alone aside', () => {
  const needs = new Map(sources.map((file) => [file, imports(file, withoutTypes(text(file)))]))
  assert.equal(circles(needs), [])
})

tidy('no two files know each other, by types either, but what a description is handed when it is called', () => {
  const known = new Map(sources.map((file) => [file, imports(file).filter((target) => !HANDED_BACK.includes(target))]))
  assert.equal(circles(known), [])
})

tidy('names say what a file holds, in kebab case', () => {
  const wrong = [...sources, ...tests].filter(
    (file) => file.split(/[\\/]/).some((part) => CATCH_ALL.test(part)) || !KEBAB_CASE.test(basename(file)),
  )
  assert.equal(wrong, [])
})

tidy('every exported symbol says what it is', () => {
  assert.equal(sources.flatMap(undocumented), [])
})

tidy('the face of a folder begins with what the folder is', () => {
  const faces = sources.filter((file) => basename(file) === 'index.ts')
  assert.equal(
    faces.filter((file) => !text(file).startsWith('/**')),
    [],
  )
})

tidy('files are small rooms', () => {
  const sizes = sources.map((file) => ({ file, lines: text(file).split('\n').length - 1 }))
  assert.equal(
    sizes.filter(({ lines }) => lines > MAX_LINES),
    [],
  )
})

tidy('no test is singled out or dropped without a reason', () => {
  const wrong = tests.filter((file) => /^\w+\.(only|skip)\(/m.test(text(file)))
  assert.equal(wrong, [], 'remove .only; instead of .skip, call skip(reason) of test/support/skip.ts')
})

tidy('file paths come from fileURLToPath: the pathname of a URL breaks in a folder with a space', () => {
  const wrong = [...sources, ...tests].filter((file) => /import\.meta\.url\)\.pathname/.test(text(file)))
  assert.equal(wrong, [])
})

tidy('package.json names exact versions, and the lockfile agrees', () => {
  for (const section of ['dependencies', 'devDependencies', 'optionalDependencies']) {
    const wanted: Record<string, string> = manifest[section]
    assert.equal(
      Object.entries(wanted).filter(([, version]) => !EXACT.test(version)),
      [],
      section,
    )
    assert.equal(lock.packages[''][section], wanted, 'npm run lock')
  }
})

tidy('the lockfile is bound to no registry and lists the packages of every platform', () => {
  assert.equal(
    locked.filter(([, { resolved }]) => resolved !== undefined).map(([at]) => at),
    [],
  )
  const missing = locked.flatMap(([at, { optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies).filter(([name, wanted]) => !isListed(at, name, wanted)),
  )
  assert.equal(missing, [], 'npm run lock')
  const unproven = locked.filter(([at, { integrity }]) => at !== '' && integrity === undefined).map(([at]) => at)
  assert.equal(
    unproven.filter((at) => !at.includes('@chainsafe/libp2p-quic-')),
    [],
    'packages without an integrity hash',
  )
})

tidy('commands that the documents name exist', () => {
  const wrong = globSync('{README.md,{runtime,kernel,tui,bench,datasets,notebooks,test}/**/*.md}').flatMap((file) =>
    [...text(file).matchAll(/\bnpm (?:run ([a-z]+)|(start|test)\b)/g)]
      .map((match) => match[1] ?? match[2]!)
      .filter((name) => !(name in manifest.scripts))
      .map((name) => `${file}: npm run ${name}`),
  )
  assert.equal(wrong, [])
})

tidy('files that ARCHITECTURE names exist', () => {
  const ours = text('runtime/ARCHITECTURE.md').replace(/\n## Beside the models\n[\s\S]*?(?=\n## )/, '') // that one names those of others
  const named = [...ours.matchAll(/`((?:[\w-]+\/)+[\w.-]+\.\w+)`/g)].map((match) => match[1]!)
  assert.ok(named.length > 100)
  const all = globSync('{runtime,kernel,tui,bench,datasets,notebooks,test}/**/*.*')
  const isThere = (path: string) => path.includes('NAME') || all.some((file) => `/${file}`.endsWith(`/${path}`))
  assert.equal(
    named.filter((path) => !isThere(path)),
    [],
  )
})

tidy.run()

function topLevel(): string[] {
  const isHeld = (name: string) => !name.startsWith('.') && name !== 'package-lock.json'
  try {
    const files = execFileSync('git', ['ls-files'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return [
      ...new Set(
        files
          .trim()
          .split('\n')
          .map((file) => file.split('/')[0]!),
      ),
    ].filter(isHeld)
  } catch {
    return readdirSync('.').filter((name) => isHeld(name) && name !== 'node_modules' && name !== 'dist') // no git here
  }
}

/** The files that a file imports by relative path, types included. */
function imports(file: string, code = text(file)): string[] {
  return [...code.matchAll(/(?:\bfrom|\bimport\(?)\s*'(\.[^']+)'/g)].map((match) => join(dirname(file), match[1]!))
}

/** Code without what is erased before it runs, and without imports that wait until they are called for. */
function withoutTypes(code: string): string {
  const types = /^(?:import|export) (?:type (?:\w+|[{*])|\{\s*(?:type [\w$]+(?: as \w+)?,?\s*)+\})[^']*from '[^']+'/gm
  return code.replace(types, '').replace(/\bimport\('[^']+'\)/g, '')
}

/** Each circle as a path that comes back to where it began. */
function circles(needs: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file].join(' -> '))
    if (done.has(file)) return
    done.add(file)
    for (const next of needs.get(file) ?? []) visit(next, [...path, file])
  }
  for (const file of needs.keys()) visit(file, [])
  return found
}

function mayImport(file: string, target: string): boolean {
  const [fromTop, from] = file.split(/[\\/]/) as [string, string]
  const [top, room] = target.split(/[\\/]/) as [string, string]
  if (fromTop === 'bench') return true
  if (fromTop !== 'runtime') return top === fromTop || top === 'runtime'
  if (top !== 'runtime') return from === 'cli' && (top === 'kernel' || top === 'tui') // the command has them all
  if (from === 'index.ts' || from === room) return true // the library's face may show any room
  return JOURNEY.includes(room) && JOURNEY.indexOf(room) < JOURNEY.indexOf(from)
}

/** `FILE:LINE` of each exported declaration that no doc comment stands before; overloads share one. */
function undocumented(file: string): string[] {
  const lines = text(file).split('\n')
  return lines.flatMap((line, at) => {
    const name = /^export (?:default |declare |abstract |async )*(?:\w+)\*? (\w+)/.exec(line)?.[1]
    if (name === undefined || /^export (?:type )?[{*]/.test(line)) return []
    const before = lines.slice(0, at).findLast((earlier) => !earlier.trimStart().startsWith('//')) ?? ''
    const isDocumented = before.trimEnd().endsWith('*/') || new RegExp(`^export function ${name}\\b`).test(before)
    return isDocumented ? [] : [`${file}:${at + 1} ${name}`]
  })
}

/** Whether `name` is found where Node looks from `at`: in its node_modules or in one above it, in the version wanted. */
function isListed(at: string, name: string, wanted: string): boolean {
  for (let folder = at; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const found: LockEntry | undefined = lock.packages[`${folder}${folder && '/'}node_modules/${name}`]
    if (found) return found.version === wanted || !/^\d/.test(wanted)
    if (folder === '') return false
  }
}
