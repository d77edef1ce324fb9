/**
 * The module that each node of the tour loads first: what its parts do is written, a JSON line each, to the file that the
 * module's own URL names (`?to=`). The nodes themselves know nothing of it.
 */
import { appendFileSync } from 'node:fs'
import { overhear } from './hops.ts'

const to = new URL(import.meta.url).searchParams.get('to')
const name = process.argv.at(process.argv.indexOf('--name') + 1)
if (to !== null && name !== undefined) overhear(name, (said) => appendFileSync(to, `${JSON.stringify(said)}\n`))
