/** Messages on a byte stream: framed, bounded, checksummed, and ended explicitly, so that a cut is never an end. */
export { type Channel, type ChannelOptions, channel, request } from './channel.ts'
export type { BodyInto, Frame } from './frame-reader.ts'
export type { Meter, Release } from './meter.ts'
