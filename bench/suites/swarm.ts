import { type Check, medianCheck, type Suite } from '../report.ts'
import { CARRIERS, type CarrierName, type Sender, startSender } from '../swarm/carriers.ts'
import { type Payload, payload } from '../swarm/payload.ts'
import { type Remote, startRemote } from '../swarm/remote.ts'
import { spreadChecks } from '../swarm/spread.ts'

const SEED = 9000
const ROUNDS = 3
const SIZE_BYTES = 256 * 10 ** 6
/** Memory must not depend on the payload: measured with this one too. */
const SMALL_BYTES = SIZE_BYTES / 4

/**
 * f32 tensors from one process to another, over our transport and channel into an Arrow record batch: against the
 * native binding alone, its stock layer, and our own fallback; with small messages meanwhile. Then a model to many
 * workers, once.
 */
export const suite: Suite = async ({ full, say }) => {
  const rounds = full ? 7 : ROUNDS
  const [large, small] = [payload(SIZE_BYTES, SEED), payload(SMALL_BYTES, SEED + 1)]
  const pairs = new Map<CarrierName, Pair>()
  const checks: Check[] = []
  try {
    for (const name of CARRIERS) pairs.set(name, await Pair.start(name))
    const pair = (name: CarrierName) => pairs.get(name)!
    for (const name of ['quic', 'tcp'] as const) await pair(name).assertWhole(large)
    await pair('native').transfer(small)
    say('what arrived has the hash of what was sent; timing')
    const found: Round[] = []
    for (let i = 0; i < rounds; i++) {
      const quic = await pair('quic').transfer(large)
      const native = await pair('native').transfer(large)
      const stock = await pair('stock').transfer(large)
      const tcp = await pair('tcp').transfer(large)
      const few = await pair('quic').transfer(small)
      const [quicRtt, tcpRtt] = [await pair('quic').underLoad(large), await pair('tcp').underLoad(large)]
      found.push({ quic, native, stock, tcp, few, quicRtt, tcpRtt })
      say(
        `round ${i + 1}: quic ${mbs(quic)}, native ${mbs(native)}, stock ${mbs(stock)}, tcp ${mbs(tcp)} MB/s; ` +
          `p99 under load quic ${quicRtt.p99Ms.toFixed(1)}, tcp ${tcpRtt.p99Ms.toFixed(1)} ms`,
      )
    }
    checks.push(...checksOf(found))
  } finally {
    for (const pair of pairs.values()) await pair.stop()
  }
  checks.push(...(await spreadChecks({ say })))
  return { checks, seed: SEED, n: rounds }
}

interface Transfer {
  readonly mbPerS: number
  readonly rxCpuMsPer100Mb: number
  readonly growthMb: number
}

interface RoundTrips {
  readonly p50Ms: number
  readonly p99Ms: number
}

interface Round {
  readonly quic: Transfer
  readonly native: Transfer
  readonly stock: Transfer
  readonly tcp: Transfer
  readonly few: Transfer
  readonly quicRtt: RoundTrips
  readonly tcpRtt: RoundTrips
}

function checksOf(rounds: readonly Round[]): Check[] {
  const check = (init: Omit<Check, 'value' | 'spread'>, value: (round: Round) => number) =>
    medianCheck(init, rounds.map(value))
  return [
    check(
      { name: 'quic_vs_native', unit: 'x', gate: '>= 0.5', goal: '>= 0.65' },
      (r) => r.quic.mbPerS / r.native.mbPerS,
    ),
    check({ name: 'quic_vs_stock', unit: 'x', gate: '>= 3' }, (r) => r.quic.mbPerS / r.stock.mbPerS),
    check({ name: 'rtt_p99_vs_tcp', unit: 'x', gate: '<= 0.5' }, (r) => r.quicRtt.p99Ms / r.tcpRtt.p99Ms),
    check({ name: 'rss_growth_mb', unit: 'MiB', gate: '<= 64' }, (r) => Math.max(r.quic.growthMb, r.few.growthMb)),
    check({ name: 'quic_mb_per_s', unit: 'MB/s' }, (r) => r.quic.mbPerS),
    check({ name: 'tcp_mb_per_s', unit: 'MB/s' }, (r) => r.tcp.mbPerS),
    check({ name: 'quic_rtt_p50_ms', unit: 'ms' }, (r) => r.quicRtt.p50Ms),
    check({ name: 'quic_rtt_p99_ms', unit: 'ms' }, (r) => r.quicRtt.p99Ms),
    check({ name: 'rx_cpu_ms_per_100mb', unit: 'ms' }, (r) => r.quic.rxCpuMsPer100Mb),
    check({ name: 'rx_cpu_ms_per_100mb_tcp', unit: 'ms' }, (r) => r.tcp.rxCpuMsPer100Mb),
  ]
}

/** Two processes over one carrier: this one sends. */
class Pair {
  readonly #remote: Remote
  readonly #sender: Sender

  private constructor(remote: Remote, sender: Sender) {
    this.#remote = remote
    this.#sender = sender
  }

  static async start(carrier: CarrierName): Promise<Pair> {
    const remote = await startRemote(carrier)
    return new Pair(remote, await startSender(carrier, remote.address))
  }

  /** Throws when what arrives is not what was sent. */
  async assertWhole(payload: Payload): Promise<void> {
    await this.transfer(payload)
    const { sha256 } = await this.#remote.ask({ type: 'hash' })
    if (sha256 !== payload.sha256) throw new Error(`sent ${payload.sha256}, received ${sha256}`)
  }

  async transfer(payload: Payload): Promise<Transfer> {
    const before = await this.#remote.ask({ type: 'prepare', sizeBytes: payload.sizeBytes })
    const startMs = performance.now()
    await this.#sender.transfer(payload)
    const ms = performance.now() - startMs
    const after = await this.#remote.ask({ type: 'used' })
    return {
      mbPerS: payload.sizeBytes / 1_000 / ms,
      rxCpuMsPer100Mb: (after.cpuMs - before.cpuMs) / (payload.sizeBytes / 10 ** 8),
      growthMb: after.growthMb,
    }
  }

  /** Round trips, one after the other, for as long as a transfer takes. */
  async underLoad(payload: Payload): Promise<RoundTrips> {
    const roundTrip = this.#sender.roundTrip!
    await roundTrip()
    let isOver = false
    const over = this.#sender.transfer(payload).finally(() => {
      isOver = true
    })
    const times: number[] = []
    while (!isOver) {
      const startMs = performance.now()
      await roundTrip()
      times.push(performance.now() - startMs)
    }
    await over
    times.sort((a, b) => a - b)
    const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))]!
    return { p50Ms: at(0.5), p99Ms: at(0.99) }
  }

  async stop(): Promise<void> {
    this.#remote.stop()
    await this.#sender.stop()
  }
}

function mbs({ mbPerS }: Transfer): number {
  return Math.round(mbPerS)
}
