import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../runtime/base/index.ts'
import { egress, openRemote } from '../../../runtime/data/remote/index.ts'
import { closed, listening, objectHandler, objectServer } from '../../support/object-server.ts'
import { skip } from '../../support/skip.ts'
import { refuses } from '../refusal.ts'

const CHILD = fileURLToPath(new URL('fetch-child.ts', import.meta.url))
const CERTIFICATE = fileURLToPath(new URL('../../fixtures/data/remote/localhost.pem', import.meta.url))
const KEY = fileURLToPath(new URL('../../fixtures/data/remote/localhost.key', import.meta.url))

/** A proxy on loopback that counts what it passes on: tunnels, and plain requests. */
async function proxyServer() {
  const passed: string[] = []
  const server = createServer((request, response) => {
    passed.push(`${request.method} ${request.url}`)
    const target = new URL(request.url ?? '')
    const onward = connect(Number(target.port), target.hostname, () =>
      onward.write(
        `GET ${target.pathname} HTTP/1.1\r\nhost: ${target.host}\r\nrange: ${request.headers.range}\r\nconnection: close\r\n\r\n`,
      ),
    )
    onward.on('error', () => response.destroy())
    onward.pipe(response.socket!)
  })
  server.on('connect', (request: IncomingMessage, socket) => {
    passed.push(`CONNECT ${request.url}`)
    const [host, port] = request.url!.split(':')
    const onward = connect(Number(port), host!, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      onward.pipe(socket)
      socket.pipe(onward)
    })
    onward.on('error', () => socket.destroy())
    socket.on('error', () => onward.destroy())
  })
  const address = await listening(server)
  return { address, passed, [Symbol.asyncDispose]: () => closed(server) }
}

const outgoing = suite('egress')

outgoing('the proxies that the environment names are used, save for what NO_PROXY names', async () => {
  await using proxy = await proxyServer()
  await using server = await objectServer({ objects: { '/file': Buffer.from('content') } })
  const read = async (env: Record<string, string>) => {
    const way = await egress({ env })
    proxy.passed.length = 0
    const file = await openRemote({ url: `${server.origin}/file`, egress: way, clock: systemClock })
    assert.is(file.sizeBytes, 7)
    await way.destroy()
    return proxy.passed.length
  }
  assert.ok((await read({ HTTP_PROXY: `http://${proxy.address}` })) > 0)
  assert.ok((await read({ http_proxy: `http://${proxy.address}`, HTTP_PROXY: 'http://127.0.0.1:1' })) > 0, 'small wins')
  assert.is(await read({ HTTP_PROXY: `http://${proxy.address}`, NO_PROXY: 'example.org,127.0.0.1' }), 0)
  assert.is(await read({ HTTPS_PROXY: `http://${proxy.address}` }), 0, 'of another kind of address')
  assert.is(await read({}), 0)
})

outgoing('what is no address of a proxy is told without repeating it', async () => {
  const error = await refuses('remote.proxy', egress({ env: { HTTPS_PROXY: 'user:PASSWORD-77@nowhere' } }))
  assert.not.match(JSON.stringify(error) + error.stack, 'PASSWORD-77')
})

outgoing('the certificates of the system hold, also through a proxy; others do not', async () => {
  if (process.platform !== 'linux') return skip('SSL_CERT_FILE stands for the store of the system on Linux alone')
  const { handler } = objectHandler({ objects: { '/file': Buffer.from('content') } })
  const server = createTlsServer({ cert: readFileSync(CERTIFICATE), key: readFileSync(KEY) }, handler)
  await using proxy = await proxyServer()
  const url = `https://${await listening(server)}/file`
  const run = async (env: Record<string, string>) => {
    const { stdout } = await promisify(execFile)(process.execPath, [CHILD, url], { env })
    return stdout.trim()
  }
  try {
    const [trusted, tunnelled, strange] = await Promise.all([
      run({ SSL_CERT_FILE: CERTIFICATE }), // where OpenSSL looks for the system's store
      run({ SSL_CERT_FILE: CERTIFICATE, HTTPS_PROXY: `http://${proxy.address}` }),
      run({}),
    ])
    assert.is(trusted, '7 bytes')
    assert.is(tunnelled, '7 bytes')
    assert.equal([...new Set(proxy.passed)], [`CONNECT ${new URL(url).host}`])
    assert.match(strange, /^remote\.untrusted .*certificate/)
  } finally {
    await closed(server)
  }
})

outgoing.run()
