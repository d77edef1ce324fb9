#!/usr/bin/env node
/** The `aivida` command: from TypeScript in a checkout, compiled in an installed package. */
import { existsSync } from 'node:fs'
import { launch } from './launch.js'

const isCheckout = existsSync(new URL('../cli/main.ts', import.meta.url))
await launch(isCheckout ? 'runtime/cli/main.ts' : 'dist/runtime/cli/main.js', process.argv.slice(2))
