import { broken, type Check, ok, skipped, warning } from '../check.ts'

/** Whether datagrams get through on this machine at all: to itself, and to its own address past a local firewall. */
export const udpCheck: Check = {
  name: 'udp',
  limit: 'doctorUdpMs',
  async run({ machine, config }, signal) {
    if (!config.listen.some((address) => address.includes('/udp/')) && config.listen.length > 0)
      return [skipped('the settings listen on TCP only')]
    const blocked = await machine.echoUdp('127.0.0.1', signal).then(
      () => undefined,
      (error: Error) => error.message,
    )
    if (blocked !== undefined)
      return [
        broken(
          `this machine lets no UDP through, not even to itself (${blocked}), so QUIC cannot work`,
          'look at its firewall or sandbox; without UDP the node uses TCP',
        ),
      ]
    const own = machine.ownAddress()
    if (own === undefined)
      return [
        warning('this machine has no address but its loopback, so others cannot reach it', 'connect it to a network'),
      ]
    const filtered = await machine.echoUdp(own, signal).then(
      () => undefined,
      (error: Error) => error.message,
    )
    if (filtered !== undefined)
      return [
        warning(
          `UDP to this machine's own address ${own} does not arrive (${filtered}): a firewall drops it`,
          'allow UDP on the port that the node listens on; without it TCP is used',
        ),
      ]
    return [ok(`gets through on loopback and to ${own}`)]
  },
}
