import { execFileSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

/** Prints the packages that importing a module loads. */
const LOADED = `
import { registerHooks } from 'node:module'
const loaded = new Set()
registerHooks({
  load(url, context, next) {
    const [, name] = /.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url) ?? []
    loaded.add(name ?? /\\/runtime\\/(compute\\/graph)\\//.exec(url)?.[1])
    return next(url, context)
  },
})
await import(process.argv[1])
process.stdout.write(JSON.stringify([...loaded].filter((name) => name !== undefined)), () => process.exit())`

function loadedBy(module: string): string[] {
  const url = new URL(`../../runtime/${module}`, import.meta.url).href
  return JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '--eval', LOADED, url], { encoding: 'utf8' }),
  )
}

const loaded = suite('what a start loads')

loaded('the command line loads no more than its options need', () => {
  assert.equal(loadedBy('cli/aivida.ts').sort(), ['@ipld/dag-cbor', 'cborg', 'commander', 'multiformats', 'zod'])
})

loaded('a node loads nothing that waits for work, for a download or for Prometheus', () => {
  const packages = loadedBy('node/node.ts')
  assert.ok(packages.includes('libp2p'))
  const later = /undici|prom-client|protobuf|arrow|duckdb|onnxruntime|tensorflow|sharp|graph/
  assert.equal(
    packages.filter((name) => later.test(name)),
    [],
  )
})

loaded('an engine child loads its engine alone', () => {
  for (const part of ['chosen-engine', 'channel', 'messages', 'replica-requests', 'trainings'])
    assert.equal(loadedBy(`compute/engine/child/${part}.ts`), [], part)
})

loaded.run()
