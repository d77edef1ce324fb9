import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import { memoryBlobStore } from '../../../runtime/data/blob/index.ts'
import { blobStoreConformance } from '../../conformance/blob-store.ts'

const scratch = mkdtempSync(join(tmpdir(), 'aivida-blob-'))
test.after(() => rmSync(scratch, { recursive: true }))

blobStoreConformance('memory', () => ({ scratch, open: memoryBlobStore }))

test.run()
