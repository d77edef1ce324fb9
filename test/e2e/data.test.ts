// timeout: 60 s
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256 } from '../../runtime/base/index.ts'
import { arrowFile, toRowBatch } from '../../runtime/data/tensor/arrow.ts'
import { tensorOf } from '../../runtime/data/tensor/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { aivida } from '../support/command.ts'
import { objectServer } from '../support/object-server.ts'
import { identityModel } from '../support/onnx-models.ts'

const TOKEN = 'TOKEN-c4e8'
const rows = tensorOf(
  Float32Array.from({ length: 96 }, (_, i) => i),
  [32, 3],
)
const table = Buffer.concat(await Array.fromAsync(arrowFile([toRowBatch({ x: rows })])))

const data = suite('data of a real node')

data('brought by a signed link, named in a job, listed, let go; the link is kept and logged nowhere', async () => {
  await using server = await objectServer({ objects: { '/bucket/rows.arrow': table } })
  await using cluster = await LocalCluster.start({ workers: 0, flags: ['--log-level', 'debug'] })
  const here = ['--data-dir', cluster.submitter.dataDir]
  const link = `${server.origin}/bucket/rows.arrow?X-Amz-Signature=${TOKEN}&X-Amz-Security-Token=${TOKEN}`
  const added = await aivida(['data', 'add', link, '--sha256', sha256(table), '--json', ...here])
  assert.is(added.code, 0, added.err)
  const { path, source, sizeBytes } = JSON.parse(added.out)
  assert.equal([source, sizeBytes], [`${server.origin}/bucket/rows.arrow`, table.byteLength])
  const model = join(cluster.dir, 'identity.onnx')
  await writeFile(model, identityModel('float32', ['n', 3]))
  const job = await cluster.client.infer({ model, input: path })
  assert.is((await job.done()).rows.done, 32)

  const gone = await aivida(['data', 'add', `${server.origin}/none?sig=${TOKEN}`, ...here])
  assert.is(gone.code, 2)
  assert.match(gone.err, 'error remote.not-found')
  const listed = await aivida(['data', 'list', ...here])
  assert.match(listed.out, /none +failed: remote\.not-found/)
  assert.match(listed.out, /rows\.arrow +here/)
  assert.is((await aivida(['data', 'remove', 'rows.arrow', ...here])).code, 0)

  const files = (await readdir(cluster.dir, { recursive: true, withFileTypes: true })).filter((each) => each.isFile())
  for (const { parentPath, name } of files)
    assert.not.match(await readFile(join(parentPath, name), 'latin1'), TOKEN, join(parentPath, name))
  for (const text of [added.err, gone.out, gone.err, listed.out, added.out]) assert.not.match(text, TOKEN)
})

data.run()
