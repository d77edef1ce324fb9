import { peerError } from '../../base/errors.ts'
import { TOTAL_BITS } from './range-coder.ts'

const TOTAL = 1 << TOTAL_BITS

/**
 * How often each symbol of an alphabet comes, in parts of 2^14: what a range coder needs of them. As bytes: how many symbols
 * there are, up to the last one that comes at all, then the parts of each but the first, 16 bits, little-endian.
 */
export class SymbolTable {
  /** Where the places of each symbol begin; one more entry, where those of the last end. */
  readonly starts: Uint32Array
  /** The symbol of each place. */
  readonly symbols: Uint8Array

  private constructor(parts: Uint32Array) {
    this.starts = new Uint32Array(parts.length + 1)
    this.symbols = new Uint8Array(TOTAL)
    for (let symbol = 0, at = 0; symbol < parts.length; symbol++) {
      this.symbols.fill(symbol, at, at + parts[symbol]!)
      at += parts[symbol]!
      this.starts[symbol + 1] = at
    }
  }

  /** Of an alphabet of `size`, at most 255. What comes at all has a part at least. */
  static of(codes: Uint8Array, size: number): SymbolTable {
    const counts = new Uint32Array(size)
    for (let i = 0; i < codes.length; i++) counts[codes[i]!]!++
    const last = counts.findLastIndex((count) => count > 0)
    const parts = counts
      .subarray(0, last + 1)
      .map((count) => (count === 0 ? 0 : Math.max(1, Math.floor((count / codes.length) * TOTAL))))
    const most = counts.indexOf(Math.max(...counts))
    parts[most]! += TOTAL - parts.reduce((sum, part) => sum + part, 0)
    return new SymbolTable(parts)
  }

  /** Throws `update.malformed`. Gives the byte after it, too. */
  static read(bytes: Uint8Array, at: number, size: number): { readonly table: SymbolTable; readonly end: number } {
    const count = bytes[at] ?? 0
    const end = at + 1 + 2 * (count - 1)
    const parts = new Uint32Array(Math.max(1, count))
    let rest = TOTAL
    for (let symbol = 1; symbol < count; symbol++) {
      parts[symbol] = (bytes[at + 2 * symbol - 1] ?? 0) | ((bytes[at + 2 * symbol] ?? 0) << 8)
      rest -= parts[symbol]!
    }
    if (count === 0 || count > size || rest < 0 || end > bytes.byteLength)
      throw peerError(
        'update.malformed',
        `expected the frequencies of up to ${size} codes in ${TOTAL} parts at byte ${at} of an update, found ${count} that leave ${rest}`,
      )
    parts[0] = rest
    return { table: new SymbolTable(parts), end }
  }

  /** Bytes of the table of an alphabet of `size`, at most. */
  static largestBytes(size: number): number {
    return 2 * size
  }

  /** Gives the byte after it. */
  write(bytes: Uint8Array, at: number): number {
    const count = this.starts.length - 1
    bytes[at++] = count
    for (let symbol = 1; symbol < count; symbol++) {
      const part = this.starts[symbol + 1]! - this.starts[symbol]!
      bytes[at++] = part & 0xff
      bytes[at++] = part >>> 8
    }
    return at
  }
}
