import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { shareCache } from '../../runtime/local-cluster/shared-cache.ts'

test('nodes without a cache of their own share one, which outlives them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aivida-shared-'))
  try {
    const caches = []
    for (const node of ['one', 'two']) {
      const cache = join(folder, node, 'cache')
      mkdirSync(cache, { recursive: true })
      await shareCache(join(folder, node))
      await shareCache(join(folder, node)) // as it is started again
      caches.push(realpathSync(cache))
    }
    assert.is(caches[0], caches[1])
    assert.not(caches[0]!.startsWith(folder))
    rmSync(join(folder, 'one'), { recursive: true })
    assert.ok(existsSync(caches[0]!))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a node that has a cache keeps it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aivida-shared-'))
  try {
    const cache = join(folder, 'cache')
    mkdirSync(cache)
    writeFileSync(join(cache, 'classes.json'), '{}')
    await shareCache(folder)
    assert.is(realpathSync(cache), join(realpathSync(folder), 'cache'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test.run()
