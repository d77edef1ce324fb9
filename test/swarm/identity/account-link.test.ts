import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  acceptLink,
  approveLink,
  openBinding,
  readLinkRequest,
  requestLink,
} from '../../../runtime/swarm/identity/index.ts'
import { accountOf, codeOf, peerOf, sampleKey } from './sample-keys.ts'

const [node, account, stranger] = [sampleKey(1), sampleKey(2), sampleKey(3)]
const request = requestLink(accountOf(account), { issuedWallMs: 1000 }, node)
const approval = approveLink(request, account)

test('two words link a node to an account whose key is elsewhere', () => {
  assert.is(readLinkRequest(request).node, peerOf(node))
  assert.is(openBinding(acceptLink(approval, node), 'c'.repeat(64), 2000).account, accountOf(account))
  assert.match(request, /^aivlink1[1-9A-Za-z]+$/)
  assert.match(approval, /^aivyes1[1-9A-Za-z]+$/)
  assert.ok(approval.length < 1500, `${approval.length} characters`)
})

test('wrong words are refused', async () => {
  assert.is(await codeOf(() => requestLink('ac_nobody', { issuedWallMs: 1000 }, node)), 'key.malformed')
  assert.is(await codeOf(() => approveLink(request, stranger)), 'binding.other-account')
  assert.is(await codeOf(() => approveLink(approval, account)), 'link.malformed')
  assert.is(await codeOf(() => readLinkRequest(request.replace(/.$/, 'x'))), 'link.malformed')
  assert.is(await codeOf(() => acceptLink(request, node)), 'link.malformed')
  assert.is(await codeOf(() => acceptLink(approval, stranger)), 'link.other-node')
})

test.run()
