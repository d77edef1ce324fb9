import { userError } from '../../runtime/base/errors.ts'
import { limit } from '../../runtime/base/limits.ts'

/**
 * A send never waits and never fails: there is no high-water mark at which libzmq would block or drop, and with a time
 * of 0 zeromq.js hands over at once. (With its default, the 513th message of a turn waits, the next one is refused
 * with EBUSY, and output is lost; a cell that computes would show nothing until it is done.) Of what goes to all front ends
 * `outbox.ts` says what becomes of a reader that is behind.
 */
export const OUTGOING = { sendHighWaterMark: 0, sendTimeout: 0, linger: limit('kernelLingerMs') }

/** A larger frame costs its sender the connection, before there is room made for it. */
export const INCOMING = { receiveHighWaterMark: 0, maxMessageSize: limit('kernelMessageBytes') }

/** That an endpoint of the connection file cannot be listened at. */
export function portTaken(
  endpoint: string,
  { code, message }: { readonly code?: string | undefined; readonly message: string },
): Error {
  return userError('kernel.port-taken', `cannot listen at ${endpoint} (${code}): ${message}`)
}
