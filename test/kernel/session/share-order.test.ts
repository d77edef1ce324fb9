import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codeOf, startTestControl } from '../../support/control.ts'
import { testSession } from '../../support/kernel-session.ts'

const order = suite('shares that no cell awaits')
const ACCOUNT = `ac_${'1'.repeat(43)}`

order('the last of them is the one that counts', async () => {
  await using control = await startTestControl()
  const { id } = await control.client.infer({ model: 'm.onnx', input: 'in.arrow' })
  const { service } = control
  const share = service.share.bind(service)
  service.share = async (...asked) => {
    await new Promise((resolve) => setTimeout(resolve, 20)) // a share takes longer than its end
    return share(...asked)
  }
  const { session, cluster } = testSession(control.folder, { AIVIDA_SOCKET_PATH: control.socketPath })
  const calls = [
    cluster.job(id).share(ACCOUNT),
    cluster.job(id).unshare(ACCOUNT),
    cluster.job(id).share(ACCOUNT),
    cluster.job(id).unshare(ACCOUNT),
  ]
  await Promise.all(calls)
  assert.equal(service.statuses.get(id)?.sharedWith, [])
  assert.is(await codeOf(cluster.job('job-0').share(ACCOUNT)), 'job.unknown')
  await cluster.job(id).share(ACCOUNT)
  assert.equal(service.statuses.get(id)?.sharedWith, [ACCOUNT], 'a refusal holds up nothing')
  await session.close()
})

order.run()
