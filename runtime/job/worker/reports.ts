import { type AividaError, limit, slices, toAividaError } from '../../base/index.ts'
import { type ControlMessageOf, type Lease, type Receipt, signReceipts } from '../../protocol/index.ts'
import type { WorkerPorts } from './ports.ts'

interface Outbox {
  receipts: { receipt: Receipt; inline: Uint8Array | undefined }[]
  failures: ControlMessageOf<'failed'>['leases']
}

/**
 * What goes back to submitters. Reports that fall due together share one message and one signature; a report whose
 * message is lost is not repeated here: a receipt is in the journal, and told again at the next roll call.
 */
export class Reports {
  readonly #ports: WorkerPorts
  readonly #outboxes = new Map<string, Outbox>()
  #sending: Promise<void> = Promise.resolve()
  #scheduled = false

  constructor(ports: WorkerPorts) {
    this.#ports = ports
  }

  /** A durable receipt, on its way to `to`. */
  receipt(to: string, receipt: Receipt, inline: Uint8Array | undefined): void {
    this.#outbox(to).receipts.push({ receipt, inline })
  }

  failure(to: string, lease: Lease, error: AividaError): void {
    const { code, message, category, retryable } = error
    this.#ports.logger.warn({ lease: lease.id, code, message }, 'a shard failed here')
    this.#outbox(to).failures.push({
      lease: lease.id,
      code: code.slice(0, 128),
      message: message.slice(0, 4096),
      retryable: retryable || category !== 'user',
    })
  }

  /** Hands everything that was reported so far to the network; what is sent after this follows it. */
  flush(): void {
    this.#scheduled = false
    for (const [to, { receipts, failures }] of this.#outboxes) {
      for (const some of slices(receipts, limit('leasesPerOffer'))) this.#send(to, some)
      for (const leases of slices(failures, limit('leasesPerOffer'))) this.#deliver(to, { type: 'failed', leases }, [])
    }
    this.#outboxes.clear()
  }

  /** Resolves when everything that was reported so far has been handed to the network. */
  async flushed(): Promise<void> {
    this.flush()
    await this.#sending
  }

  #outbox(to: string): Outbox {
    let outbox = this.#outboxes.get(to)
    if (!outbox) {
      outbox = { receipts: [], failures: [] }
      this.#outboxes.set(to, outbox)
    }
    if (!this.#scheduled) {
      this.#scheduled = true
      queueMicrotask(() => this.flush())
    }
    return outbox
  }

  #send(to: string, batch: Outbox['receipts']): void {
    const inline = batch.flatMap(({ receipt, inline }) => (inline ? [{ ref: receipt.outputs, bytes: inline }] : []))
    const signed = signReceipts(
      batch.map(({ receipt }) => receipt),
      this.#ports.signer,
    )
    this.#deliver(
      to,
      { type: 'receipts', batch: signed, inline: inline.map(({ ref }) => ref) },
      inline.map(({ bytes }) => bytes),
    )
  }

  #deliver(to: string, message: ControlMessageOf<'receipts' | 'failed'>, body: readonly Uint8Array[]): void {
    this.#sending = Promise.all([
      this.#sending,
      this.#ports.swarm.send(to, message, body).catch((error) => {
        this.#ports.logger.debug({ peer: to, error: toAividaError(error).code }, 'a report could not be sent')
      }),
    ]).then(() => {})
  }
}
