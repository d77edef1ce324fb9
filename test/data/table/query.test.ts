import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Bool,
  DateDay,
  Decimal,
  DurationMillisecond,
  Field,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int32,
  Int64,
  List,
  Struct,
  Table,
  TimeMillisecond,
  TimestampMillisecond,
  TimestampSecond,
  tableFromArrays,
  tableFromIPC,
  tableToIPC,
  Uint8,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { queryTables, type TableQuery } from '../../../runtime/data/table/index.ts'

const test = suite('queries of tables')
let folder = ''
const cwd = process.cwd()
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aivida query '))
  process.chdir(folder)
})
test.after(() => {
  process.chdir(cwd)
  return rm(folder, { recursive: true })
})

const typesOf = (table: Table) => table.schema.fields.map(({ type }) => String(type))
const rowsOf = (table: Table) =>
  JSON.parse(JSON.stringify(table.toArray(), (_, value) => (typeof value === 'bigint' ? Number(value) : value)))
const failure = async (query: TableQuery) => {
  try {
    await queryTables(query)
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return `${code}: ${message}`
  }
  return 'none'
}

test('what Arrow tables hold comes back as it was, nulls and nested values too, of many batches and slices', async () => {
  const floats = new Field('item', new Float32(), true)
  const made = new Table({
    flag: vectorFromArray([true, null, false], new Bool()),
    int: vectorFromArray([1, -2, null], new Int32()),
    long: vectorFromArray([2n ** 60n, null, -1n], new Int64()),
    byte: vectorFromArray([255, 0, null], new Uint8()),
    double: vectorFromArray([0.1, null, Number.NaN], new Float64()),
    text: vectorFromArray(['whale', null, 'ü'.repeat(40)], new Utf8()),
    label: vectorFromArray(['a', 'b', 'a']), // a dictionary
    day: vectorFromArray([new Date('2026-02-03'), null, new Date('1960-01-01')], new DateDay()),
    when: vectorFromArray([1_700_000_000_123, null, -5], new TimestampMillisecond()),
    price: vectorFromArray(
      [Uint32Array.of(12_345, 0, 0, 0), null, Uint32Array.of(-7, -1, -1, -1)],
      new Decimal(2, 20, 128),
    ),
    pixels: vectorFromArray([[1, 2], null, [3, 4]], new FixedSizeList(2, new Field('item', new Uint8(), true))),
    words: vectorFromArray([[1.5], [], null], new List(floats)),
    both: vectorFromArray(
      [{ a: 1, b: ['x'] }, null, { a: null, b: [null] }],
      new Struct([
        new Field('a', new Int32(), true),
        new Field('b', new List(new Field('item', new Utf8(), true)), true),
      ]),
    ),
  })
  const rows = tableFromIPC([tableToIPC(made)])
  const found = await queryTables({ sql: 'SELECT * FROM rows', tables: { rows } })
  assert.equal(rowsOf(found), rowsOf(rows))
  const names = typesOf(rows).map((type) => (type.startsWith('Dictionary') ? 'Utf8' : type))
  assert.equal(typesOf(found), names)
  const many = found.concat(found.slice(1, 3)).concat(found.slice(2))
  assert.equal(rowsOf(await queryTables({ sql: 'FROM many', tables: { many } })), rowsOf(many))
})

test('types that DuckDB has under other names', async () => {
  const rows = new Table({
    half: vectorFromArray([0.5], new Float16()),
    second: vectorFromArray([5_000], new TimestampSecond()),
    time: vectorFromArray([61_000], new TimeMillisecond()),
    duration: vectorFromArray([1_500n], new DurationMillisecond()),
    small: vectorFromArray([Uint32Array.of(-5, -1, -1, -1)], new Decimal(1, 4, 128)),
  })
  const sql =
    'SELECT half, epoch(second) AS second, time::VARCHAR AS time, epoch(duration) AS duration, small::DOUBLE AS small FROM rows'
  assert.equal(rowsOf(await queryTables({ sql, tables: { rows } })), [
    { half: 0.5, second: 5, time: '00:01:01', duration: 1.5, small: -0.5 },
  ])
})

test('thousands of rows: sums, groups, lists that were filtered, nothing at all', async () => {
  const rows = tableFromArrays({
    id: Int32Array.from({ length: 10_000 }, (_, i) => i),
    loss: Float64Array.from({ length: 10_000 }, (_, i) => i / 2),
  })
  const tables = { rows }
  const sums = await queryTables({
    sql: 'SELECT id % 2 AS odd, sum(id) AS total, avg(loss) AS loss FROM rows GROUP BY odd ORDER BY odd',
    tables,
  })
  assert.equal(rowsOf(sums), [
    { odd: 0, total: 24_995_000, loss: 2_499.5 },
    { odd: 1, total: 25_000_000, loss: 2_500 },
  ])
  assert.equal(typesOf(sums), ['Int32', 'Int64', 'Float64'])
  const lists = await queryTables({
    sql: 'SELECT id, [id, id + 1] AS pair FROM rows WHERE id % 3000 = 1 ORDER BY id DESC',
    tables,
  })
  assert.equal(
    rowsOf(lists),
    [9_001, 6_001, 3_001, 1].map((id) => ({ id, pair: [id, id + 1] })),
  )
  const huge = await queryTables({ sql: 'SELECT (2::HUGEINT ** 70)::HUGEINT AS huge, 7::HUGEINT AS small' })
  assert.equal(typesOf(huge), ['Decimal[38e0]', 'Int64'])
  const none = await queryTables({ sql: 'SELECT * FROM rows WHERE id < 0', tables })
  assert.equal([none.numRows, typesOf(none)], [0, ['Int32', 'Float64']])
})

test('values are parameters, and files are read by name or pattern, beside tables', async () => {
  await writeFile(join(folder, "it's.csv"), 'id,name\n1,ada\n2,bob\n')
  await writeFile(join(folder, 'more.jsonl'), '{"id": 3, "name": "eve"}\n')
  const tables = { labels: tableFromArrays({ id: Int32Array.of(1, 2), label: ['x', 'y'] }) }
  const sql = `SELECT name, label FROM 'it''s.csv' JOIN labels USING (id) WHERE id > $1 AND name <> $2`
  assert.equal(rowsOf(await queryTables({ sql, values: [1, 'nobody'], tables })), [{ name: 'bob', label: 'y' }])
  assert.is((await queryTables({ sql: `FROM read_json('*.jsonl')` })).numRows, 1)
  const date = await queryTables({
    sql: `SELECT $1 > '2026-01-01'::TIMESTAMP AS later, $2 IS NULL AS none`,
    values: [new Date('2026-05-05'), null],
  })
  assert.equal(rowsOf(date), [{ later: true, none: true }])
})

test('a query writes nothing, reads what it names alone, and reaches no network', async () => {
  await writeFile(join(folder, 'other.csv'), 'x\n3\n')
  const hidden = join(folder, 'oth')
  for (const sql of [
    `SELECT * FROM read_csv('${hidden}' || 'er.csv')`,
    `COPY (SELECT 1) TO '${folder}/new.csv'`,
    `COPY (SELECT 1) TO '${folder}/other.csv'`,
    `ATTACH '${folder}/new.db'`,
    'CREATE TABLE t (x INT)',
    'INSTALL httpfs',
    'SET enable_external_access = true',
    'SELECT 1; SELECT 2',
    '',
    '-- nothing',
  ])
    assert.match(await failure({ sql }), /^sql\.(not-a-select|failed|no-file)/, sql)
  assert.match(
    await failure({ sql: `FROM 'https://127.0.0.1:9/x.parquet'` }),
    /sql.no-file: there is no file https:.*; bring it here first: \(await cluster.data.add/,
  )
  assert.equal(
    (await readdir(folder)).filter((name) => name.startsWith('new')),
    [],
  )
})

test('errors say what is wrong, and what there is', async () => {
  const tables = { digits: tableFromArrays({ x: [1] }) }
  assert.match(
    await failure({ sql: 'SELECT * FROM digitz', tables }),
    'sql.no-table: there is no table digitz; did you mean digits?',
  )
  assert.match(
    await failure({ sql: `FROM 'nowhere.csv'`, tables }),
    'sql.no-file: there is no file nowhere.csv; check the path',
  )
  assert.match(await failure({ sql: 'SELECT y FROM digits', tables }), /^sql.failed: Binder Error: .*"y"/)
  assert.match(await failure({ sql: 'SELEC 1' }), /^sql.failed: Parser Error: syntax error at or near "SELEC"/)
  assert.match(await failure({ sql: 'SELECT $1', values: [{}] }), 'sql.value: value 1 of the query is a object')
})

test('an interrupt ends a query that would take minutes', async () => {
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 50)
  const sql = 'SELECT count(*) FROM range(100000000) a, range(100000) b WHERE (a.range + b.range) % 7 = 3'
  assert.match(await failure({ sql, signal: controller.signal }), 'aborted: the query was interrupted')
})

test.run()
