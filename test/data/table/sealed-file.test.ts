import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sealedFile } from '../../../runtime/data/table/sealed-file.ts'

const sealed = suite('sealed file')

sealed(
  'one file can be read; nothing else of the machine, nothing of the network, and no setting changed',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'aivida sealed '))
    const path = join(dir, "it's.csv")
    await writeFile(path, 'x\n1\n2\n')
    await writeFile(join(dir, 'other.csv'), 'x\n3\n')
    const file = await sealedFile(path)
    try {
      const connection = await file.connect()
      const rows = await (await connection.run(`SELECT sum(x) FROM read_csv('${path.replace("'", "''")}')`)).getRows()
      assert.equal(
        rows.map(([sum]) => Number(sum)),
        [3],
      )
      for (const sql of [
        `SELECT * FROM read_csv('${dir}/other.csv')`,
        `SELECT * FROM read_text('/etc/hostname')`,
        `SELECT * FROM glob('${dir}/*')`,
        `SELECT * FROM read_parquet('https://127.0.0.1:9/x.parquet')`,
        `COPY (SELECT 1) TO '${dir}/new.csv'`,
        `COPY (SELECT 1) TO '${path.replace("'", "''")}'`,
        `ATTACH '${dir}/new.db'`,
        `EXPORT DATABASE '${dir}/out'`,
        'INSTALL httpfs',
        'LOAD httpfs',
        'SET enable_external_access = true',
        'SET lock_configuration = false',
        `SET allowed_directories = ['/']`,
      ]) {
        const outcome = await connection.run(sql).then(
          () => 'was carried out',
          (error: Error) => error.message,
        )
        assert.match(outcome, /disabled|locked|Permission|Cannot/, sql)
      }
      assert.equal((await readdir(dir)).sort(), ["it's.csv", 'other.csv'])
    } finally {
      file.close()
      await rm(dir, { recursive: true })
    }
  },
)

sealed.run()
