/** What a channel's peer is held to: time for each message, and room in memory for large ones. */
export interface Meter {
  /**
   * Room for a message of this size that a peer has announced; what it gives back returns the room. A promise when there
   * is none yet, which waits until others have come in whole or were given up.
   */
  reserve(peer: string, sizeBytes: number): Release | Promise<Release>
  /** Calls `late` with what it is about, unless the returned function is called in the time that the size allows. */
  watch(peer: string, act: 'send' | 'receive', sizeBytes: number, late: (error: Error) => void): Release
}

/** Ends what it was given for; a second call does nothing. */
export type Release = () => void

/** Messages up to this size are not worth a reservation: a stream's own window holds more. Bytes. */
export const SMALL_MESSAGE_BYTES = 64 * 1024
