import { AividaError, limit } from '../../base/index.ts'

/**
 * Files in one file, as `tar` reads and writes them: the ustar interchange format (POSIX.1-2017, `pax`, "ustar
 * Interchange Format"), of regular files alone, without owners and times: the same files give the same bytes.
 *
 *     for each file: header [512] | content, padded to a multiple of 512 | in the end two blocks of zeros
 */
const BLOCK_BYTES = 512
const NAME = /^(?!\.)[\w.-]{1,64}(\/(?!\.)[\w.-]{1,64})?$/
const ZEROS = new Uint8Array(2 * BLOCK_BYTES)

/** A file that is to be written. */
export interface ArchiveFile {
  /** Letters, digits, `_`, `-` and dots, in one folder at most, up to 100 characters. */
  readonly name: string
  readonly sizeBytes: number
  readonly content: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

/** A file of an archive, and where its bytes are. */
export interface ArchivedFile {
  readonly name: string
  readonly at: number
  readonly sizeBytes: number
}

/** Where an archive is read from. */
export interface ArchiveSource {
  readonly sizeBytes: number
  read(at: number, length: number): Promise<Uint8Array>
}

/** An archive of these files, in this order. Throws `archive.changed` when content is of another length than was said. */
export async function* tarOf(files: Iterable<ArchiveFile>): AsyncGenerator<Uint8Array> {
  for (const { name, sizeBytes, content } of files) {
    yield headOf(name, sizeBytes)
    let given = 0
    for await (const piece of content()) {
      given += piece.byteLength
      if (given <= sizeBytes) yield piece
    }
    if (given !== sizeBytes)
      throw new AividaError({
        code: 'archive.changed',
        category: 'internal',
        message: `${name} was to have ${sizeBytes} bytes and gave ${given}`,
      })
    const padding = paddedBytes(sizeBytes) - sizeBytes
    if (padding > 0) yield ZEROS.subarray(0, padding)
  }
  yield ZEROS
}

/**
 * What an archive holds, without its contents. Throws `archive.malformed` for what is none, names a file twice or is not all
 * there, and for anything but plain files.
 */
export async function readTar(source: ArchiveSource): Promise<ArchivedFile[]> {
  const files = new Map<string, ArchivedFile>()
  for (let at = 0; ; ) {
    if (at + ZEROS.byteLength > source.sizeBytes)
      throw malformed(`it breaks off after ${source.sizeBytes} bytes, in the middle of its ${files.size + 1}. file`)
    const head = Buffer.from(await source.read(at, BLOCK_BYTES))
    if (head.every((byte) => byte === 0)) {
      const rest = source.sizeBytes - at
      const tail = await source.read(at, Math.min(rest, MAX_TAIL_BYTES))
      if (rest > MAX_TAIL_BYTES || tail.some((byte) => byte !== 0)) throw malformed('something follows its end')
      return [...files.values()]
    }
    const file = fileOf(head, at + BLOCK_BYTES)
    if (files.has(file.name)) throw malformed(`it holds ${file.name} twice`)
    if (files.size >= limit('archiveFiles')) throw malformed(`it holds more than ${limit('archiveFiles')} files`)
    files.set(file.name, file)
    at = file.at + paddedBytes(file.sizeBytes)
  }
}

/** Other programs fill the last record of 20 blocks with zeros. */
const MAX_TAIL_BYTES = 22 * BLOCK_BYTES

function fileOf(head: Buffer, at: number): ArchivedFile {
  const text = (from: number, length: number) => head.toString('latin1', from, from + length).replace(/\0.*$/s, '')
  if (text(257, 5) !== 'ustar' || text(148, 8).trim() !== checksum(head)) throw malformed('it is none')
  const name = text(0, 100)
  const type = text(156, 1)
  const shown = JSON.stringify(name.slice(0, 100))
  if (text(345, 155) !== '' || !NAME.test(name)) throw malformed(`${shown} is no name for a file in it`)
  if (type !== '0' && type !== '') throw malformed(`${shown} is no plain file`)
  const sizeBytes = sizeOf(head.subarray(124, 136))
  if (sizeBytes === undefined) throw malformed(`the size of ${shown} cannot be read`)
  return { name, at, sizeBytes }
}

/** Octal digits, or from 8 GiB on a big-endian number after 0x80 (GNU tar). */
function sizeOf(field: Buffer): number | undefined {
  if (field[0] === 0x80) {
    const size = field.readBigUInt64BE(4)
    return field.readUInt32BE(0) === 0x8000_0000 && size <= BigInt(limit('blobBytes')) ? Number(size) : undefined
  }
  const digits = field.toString('latin1').replace(/[\0 ]+$/, '')
  return /^[0-7]{1,11}$/.test(digits) ? Number.parseInt(digits, 8) : undefined
}

function headOf(name: string, sizeBytes: number): Uint8Array {
  if (!NAME.test(name) || name.length > 100 || sizeBytes > limit('blobBytes'))
    throw new AividaError({
      code: 'archive.name',
      category: 'internal',
      message: `no archive takes ${JSON.stringify(name)} of ${sizeBytes} bytes`,
    })
  const head = Buffer.alloc(BLOCK_BYTES)
  head.write(name, 0, 'latin1')
  head.write('0000644\0', 100)
  head.write('0000000\0', 108) // owner
  head.write('0000000\0', 116) // group
  const octal = sizeBytes.toString(8)
  if (octal.length <= 11) head.write(`${octal.padStart(11, '0')}\0`, 124)
  else {
    head[124] = 0x80
    head.writeBigUInt64BE(BigInt(sizeBytes), 128)
  }
  head.write('00000000000\0', 136) // time
  head.write('0', 156)
  head.write('ustar\x0000', 257)
  head.write(`${checksum(head)}\0 `, 148)
  return head
}

/** The sum of a header's bytes, its own place counted as spaces: six octal digits. */
function checksum(head: Buffer): string {
  let sum = 8 * 0x20
  for (const [i, byte] of head.entries()) if (i < 148 || i >= 156) sum += byte
  return sum.toString(8).padStart(6, '0')
}

function paddedBytes(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES
}

function malformed(why: string): AividaError {
  return new AividaError({
    code: 'archive.malformed',
    category: 'user',
    message: `expected a tar archive, but ${why}; make or copy it again`,
  })
}
