import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// First of all: what is loaded from here on is compiled once, and a command starts in a third of the time. The cache
// lies beside the packages, as trusted as they are; where that cannot be written there is none.
const packageFolder = import.meta.url.endsWith('.ts') ? '../..' : '../../..'
enableCompileCache(fileURLToPath(new URL(`${packageFolder}/node_modules/.cache/aivida`, import.meta.url)))

const { runInProcess } = await import('./process.ts')
await runInProcess()
