import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LinkProxy } from './link-proxy.ts'
import { CLEAR } from './network.ts'

const HOST = '127.0.0.1'

async function bound(port = 0): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.bind(port, HOST)
  await once(socket, 'listening')
  return socket
}

const port = (socket: Socket) => socket.address().port

/** Sends numbered datagrams, a few at a time, and gives the numbers that came, in order, and from which ports. */
async function exchange(proxy: LinkProxy, from: Socket, to: Socket, front: number, count: number) {
  const [numbers, sources]: [number[], Set<number>] = [[], new Set()]
  const take = (bytes: Buffer, { port: source }: { port: number }) => {
    numbers.push(bytes.readUInt32LE())
    sources.add(source)
  }
  to.on('message', take)
  const lost = async () => Object.values((await proxy.counts()).lines).reduce((sum, line) => sum + line.lost, 0)
  const lostBefore = await lost()
  for (let i = 0; i < count; i++) {
    const bytes = Buffer.alloc(1_200)
    bytes.writeUInt32LE(i)
    from.send(bytes, front, HOST)
    // No more at once than every socket has room for, however busy the machine is.
    const enough = i % 20 === 19 || i === count - 1
    while (enough && numbers.length + (await lost()) - lostBefore <= i) await new Promise((go) => setTimeout(go, 2))
  }
  to.off('message', take)
  return { numbers, sources: [...sources] }
}

test('datagrams go through and back; who sent them is known, by claim or by process', async () => {
  await using proxy = LinkProxy.start({ terms: { ...CLEAR, delayMs: 5 } })
  const [a, b] = [await proxy.place('a'), await proxy.place('b')]
  assert.equal(await proxy.place('a'), a, 'a place is kept')
  const [client, server] = [await bound(), await bound(b.real.udp)]
  await proxy.runs('a', process.pid)
  server.on('message', (bytes, { port }) => server.send(bytes, port, HOST))
  const back: number[] = []
  client.on('message', (bytes, { port }) => back.push(bytes.readUInt32LE(), port))
  const { numbers, sources } = await exchange(proxy, client, server, b.front.udp, 100)
  assert.equal(
    numbers,
    Array.from({ length: 100 }, (_, i) => i),
  )
  assert.is.not(sources[0], port(client), 'it came out of an outside port')
  while (back.length < 200) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.is(back[1], b.front.udp, 'answers come from where the question went')
  const { lines, mappings } = await proxy.counts()
  assert.is(mappings, 1)
  assert.is(lines.b?.upBytes, 120_000)
  if (process.platform === 'linux') assert.is(lines.a?.upBytes, 120_000)
  await proxy.claim('c', port(client))
  await exchange(proxy, client, server, b.front.udp, 10)
  assert.is((await proxy.counts()).lines.c?.upBytes, 12_000)
  for (const socket of [client, server]) socket.close()
})

test('the losses of a link are those of its seed', async () => {
  const runs: number[][] = []
  for (let run = 0; run < 2; run++) {
    await using proxy = LinkProxy.start({ terms: { ...CLEAR, seed: 5, lossShare: 0.1 } })
    const b = await proxy.place('b')
    const [client, server] = [await bound(), await bound(b.real.udp)]
    await proxy.claim('a', port(client))
    const { numbers } = await exchange(proxy, client, server, b.front.udp, 400)
    runs.push(numbers)
    for (const socket of [client, server]) socket.close()
  }
  assert.equal(runs[0], runs[1])
  assert.ok(runs[0]!.length > 320 && runs[0]!.length < 400, String(runs[0]!.length))
})

test('a NAT gives another outside port for each destination, and a new one after silence', async () => {
  await using proxy = LinkProxy.start({ terms: CLEAR, nat: { perDestination: true, idleMs: 100 } })
  const [b, c] = [await proxy.place('b'), await proxy.place('c')]
  const [client, atB, atC] = [await bound(), await bound(b.real.udp), await bound(c.real.udp)]
  const first = await exchange(proxy, client, atB, b.front.udp, 5)
  await new Promise((resolve) => setTimeout(resolve, 150)) // the silence
  const again = await exchange(proxy, client, atB, b.front.udp, 5)
  const other = await exchange(proxy, client, atC, c.front.udp, 5)
  assert.is(new Set([...first.sources, ...again.sources, ...other.sources]).size, 3)
  for (const socket of [client, atB, atC]) socket.close()
})

test('a TCP stream arrives whole and in order, later', async () => {
  await using proxy = LinkProxy.start({ terms: { ...CLEAR, lossShare: 0.02, delayMs: 10 }, tcp: true })
  const place = await proxy.place('b')
  assert.is(place.announce.length, 2)
  const server = createServer((socket) => socket.pipe(socket))
  server.listen(place.real.tcp, HOST)
  await once(server, 'listening')
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251))
  const socket = connect(place.front.tcp, HOST)
  const startMs = performance.now()
  socket.end(bytes)
  const come: Buffer[] = []
  for await (const piece of socket) come.push(piece)
  assert.ok(Buffer.concat(come).equals(bytes))
  assert.ok(performance.now() - startMs >= 20, 'two delays')
  server.close()
})

test.run()
