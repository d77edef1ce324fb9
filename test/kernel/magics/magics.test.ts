import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Table, tableFromArrays } from 'apache-arrow'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CellOutput } from '../../../kernel/cell.ts'
import { declarationsFile } from '../../../kernel/declarations/declarations-file.ts'
import { display } from '../../../kernel/display/display.ts'
import { displayable } from '../../../kernel/display/displayable.ts'
import { tslabLanguage } from '../../../kernel/language/tslab-language.ts'
import { installActions } from '../../../kernel/magics/actions.ts'
import { relationNames } from '../../../kernel/magics/relation-names.ts'
import { SESSION_MAGICS } from '../../../kernel/magics/session-magics.ts'
import { sql } from '../../../kernel/session/sql.ts'
import { cellsOf } from '../../support/cells.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'aivida-magics-')))
writeFileSync(join(folder, 'labels.csv'), 'label,word\n1,one\n2,two\n')
const before = process.cwd()
process.chdir(folder)
installActions()
const card = (text: string) => displayable({}, () => ({ 'text/plain': text }))
const cluster = Object.assign(card('a cluster'), {
  jobs: async () => card('all jobs'),
  peers: async () => card('all peers'),
})
const arrow = { tableFromArrays }
const globals = { cluster, display, sql, arrow }
const made = tslabLanguage({ session: { globals, typesFile: declarationsFile(), magics: SESSION_MAGICS }, cwd: folder })
const { ok, fails, run } = cellsOf(made)

const test = suite('magics')
test.after(() => {
  made.close()
  process.chdir(before)
  rmSync(folder, { recursive: true })
})

test('%%sql selects from tables by their names and from files, shows the result, and names it with its type', async () => {
  await ok(
    'const digits = arrow.tableFromArrays({ label: Int32Array.of(1, 2, 2), loss: Float64Array.of(1, 2, 4) })\nconst most = 3',
  )
  const rows = (await ok(
    `%%sql byWord\n-- by word; \`quoted\`\nSELECT word, sum(loss) AS loss\nFROM digits JOIN 'labels.csv' USING (label)\nWHERE loss < \${most}\nGROUP BY word ORDER BY word`,
  )) as Table
  assert.equal(
    rows.toArray().map((row) => ({ ...row })),
    [
      { word: 'one', loss: 1 },
      { word: 'two', loss: 2 },
    ],
  )
  assert.is(await ok('byWord.numRows + 1'), 3)
  assert.match((await fails('byWord.numRws')).message, /'numRws' does not exist on type 'Table<any>'/)
  const shown = (await ok(
    '%%sql\nWITH best AS (SELECT max(loss) AS loss FROM digits) SELECT * FROM best, byWord',
  )) as Table
  assert.is(shown.numRows, 2)
})

test('%%sql says which variable there is not, and what DuckDB says of the query', async () => {
  assert.match((await fails('%%sql\nSELECT * FROM digitz')).message, /'digitz'/)
  assert.match((await fails('%%sql\nSELECT nothing FROM digits')).message, /Binder Error: .*"nothing"/)
  assert.match((await fails('%%sql\nSELECT * FROM most')).message, /most is a number; expected an Arrow table/)
  assert.match((await fails('%%sql 1x\nSELECT 1')).message, /expected %%sql or %%sql NAME/)
  assert.match((await fails('%%sql\n  ')).message, /takes a SELECT/)
})

test('the variables that a query selects from', () => {
  for (const [query, names] of [
    ['SELECT a FROM x, "y" JOIN z ON x.a = z.a, (SELECT * FROM w) v', ['x', 'y', 'z', 'w']],
    ["FROM 'a.csv' JOIN range(3) r, main.t", []],
    ['SELECT extract(year FROM day), trim(BOTH FROM x), a IS DISTINCT FROM b FROM t', ['t']],
    ['WITH a AS (SELECT * FROM b), c(n) AS MATERIALIZED (SELECT 1) SELECT * FROM a, c', ['b']],
    [
      "SELECT 'FROM x' -- FROM y\n/* FROM z */ FROM $$FROM q$$, t WHERE u IN (SELECT v FROM s) ORDER BY k, l",
      ['t', 's'],
    ],
    ['SELECT * FROM a UNION SELECT * FROM b', ['a', 'b']],
    ['DESCRIBE FROM t', ['t']],
    ['SELECT * FROM a LEFT JOIN b USING (k), LATERAL (SELECT 1), c', ['a', 'b', 'c']],
    ['SELECT * FROM unnest([1, 2]) u, t', ['t']],
  ] as const)
    assert.equal(relationNames(query), names, query)
})

test('%%time and %time say how long it took, and change nothing else', async () => {
  const heard: CellOutput[] = []
  const ended = Promise.withResolvers<void>()
  const cell = {
    number: 1,
    signal: new AbortController().signal,
    ended: ended.promise,
    put: (output: CellOutput) => void heard.push(output),
  }
  const execution = await made.execute('%%time\nconst a = 20\na + 1', cell)
  assert.equal(execution, { status: 'ok', value: 21 })
  ended.resolve()
  await ended.promise
  const text = () => heard.map((output) => (output.type === 'stream' ? output.text : '')).join('')
  assert.match(text(), /^took [\d.]+ m?s, [\d.]+ m?s of computing in the kernel\n$/)
  heard.length = 0
  assert.is(await ok('%time a * 2'), 40)
  assert.is(await ok('%time const b: number = await Promise.resolve(a)\nb.toFixed(1)'), '20.0')
  assert.match((await fails('%time a.nothing')).message, /^1:\d+ - Property 'nothing' does not exist/)
  assert.match((await fails('%%time\nconst c = 1\nc.x')).message, /^3:3 - /)
})

test('%cluster, %jobs and %peers show cards, %magics what there is', async () => {
  const {
    cell: { outputs },
  } = await run('%cluster\n%jobs\n%peers\nawait new Promise(setImmediate)')
  assert.match(JSON.stringify(outputs), /a cluster.*all jobs.*all peers/)
  const listed = await run('%magics')
  for (const { usage } of SESSION_MAGICS) assert.ok(JSON.stringify(listed.cell.outputs).includes(usage), usage)
  for (const alias of ['%lsmagic', '%help']) assert.equal((await run(alias)).cell.outputs, listed.cell.outputs)
  const { message } = await fails('%nothing')
  assert.match(message, /there is no magic %nothing. There are:\n.*%%sql \[name\]/)
  assert.match((await fails('%jobs now')).message, /%jobs takes nothing behind it/)
})

test('%npm installs into the folder of the notebook, and takes nothing but names', async () => {
  for (const wrong of [
    'run x',
    'install',
    'install ../x',
    'install --global x',
    'install a;b',
    'install git+ssh://x/y',
  ])
    assert.match((await fails(`%npm ${wrong}`)).message, /expected %npm install NAME/, wrong)
})

test.run()
