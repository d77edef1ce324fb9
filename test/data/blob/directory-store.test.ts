import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import { type BlobStoreInit, directoryBlobStore } from '../../../runtime/data/blob/index.ts'
import { blobStoreConformance } from '../../conformance/blob-store.ts'

const scratch = mkdtempSync(join(tmpdir(), 'aivida-blob-'))
test.after(() => rmSync(scratch, { recursive: true }))

let homes = 0
blobStoreConformance('directory', () => {
  const dir = join(scratch, String(homes++))
  const open = (init: BlobStoreInit) => directoryBlobStore({ ...init, dir })
  return { scratch, open, again: open }
})

test.run()
