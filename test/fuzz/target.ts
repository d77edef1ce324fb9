import { type Codec, type ErrorCategory, limit, type Random } from '../../runtime/base/index.ts'
import { openDocument, type Signed, type Signer, signedCodec } from '../../runtime/protocol/index.ts'

/** Valid bytes to start from. */
export interface Sample {
  readonly bytes: Uint8Array
  /**
   * Makes what the decoder is given out of the altered bytes: a checksum or a signature that fits them again, so that
   * the content behind it is reached. Default: as they are.
   */
  readonly seal?: (altered: Uint8Array) => Uint8Array
}

/** Alters bytes, with now and then a piece of `other`. */
export type Mutate = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array

/** One decoder that a stranger's bytes reach. */
export interface Target {
  readonly name: string
  readonly samples: readonly Sample[]
  /** Names of the codecs that it is about. Default: its own name. */
  readonly covers?: readonly string[]
  /** Decodes, and throws `Error` when what it got does not survive being written and read again. */
  readonly decode: (bytes: Uint8Array) => unknown
  /** What its refusals may be. Default: `peer` and `user`. */
  readonly categories?: readonly ErrorCategory[]
  /** What one input may allocate. Default: {@link USUAL_COST}. */
  readonly cost?: Cost
  /** How samples that are not CBOR are altered in their structure. Default: blindly. */
  readonly mutate?: Mutate
  /** Whether there is nothing that it refuses: a hint or a line to be shown. */
  readonly takesAll?: boolean
  /** Executions in `npm test`. Default: 80. */
  readonly executions?: number
}

/** Bytes of heap and buffers that one input may take while it is decoded: `perByte` of its size, and `constant`. */
export interface Cost {
  readonly perByte: number
  readonly constant: number
}

/** A parsed value and its problems, one a byte, and what a garbage collector has not taken yet. */
export const USUAL_COST: Cost = { perByte: 256, constant: 8 << 20 }

/** Throws unless both are the same bytes. */
export function assertSame(a: Uint8Array, b: Uint8Array, what: string): void {
  if (Buffer.compare(a, b) !== 0) throw new Error(`${what}: ${a.byteLength} bytes became other ${b.byteLength} bytes`)
}

/** The CBOR decoder takes one from the head of a text, so such a text gets shorter each time. */
const BYTE_ORDER_MARK = Buffer.from('\ufeff')

/** Reads a value and checks that written and read again it gives the same bytes. */
export function reread<T>(codec: Pick<Codec<T>, 'name' | 'decode' | 'encode'>, bytes: Uint8Array): T {
  const value = codec.decode(bytes)
  const written = codec.encode(value)
  const isReadable = written.byteLength <= limit('frameHeaderBytes') // what a reader fills in may make it larger
  if (isReadable && !Buffer.from(written).includes(BYTE_ORDER_MARK))
    assertSame(written, codec.encode(codec.decode(written)), `${codec.name} written and read again`)
  return value
}

/** The decoder of a codec, from valid values of it. */
export function codecTarget<T>(codec: Codec<T>, values: readonly T[], more: Partial<Target> = {}): Target {
  return {
    name: codec.name.replaceAll(' ', '-'),
    samples: values.map((value) => ({ bytes: codec.encode(value) })),
    decode: (bytes) => reread(codec, bytes),
    ...more,
  }
}

/** A document of the same kind with another body, signed again. */
export function resign({ kind }: Signed, body: Uint8Array, signer: Signer): Signed {
  const sig = signer.sign(Buffer.concat([Buffer.from(`aivida/${kind}\n`), body]))
  return { kind, body, by: signer.publicKey, sig }
}

/** A signed document; altered bytes of its body are signed by the same key again. */
export function signedSamples(document: Signed, signer: Signer): Sample[] {
  return [
    { bytes: signedCodec.encode(document) },
    { bytes: document.body, seal: (body) => signedCodec.encode(resign(document, body, signer)) },
  ]
}

/** The decoder of a signed document of this codec. */
export function documentTarget<T>(
  codec: Codec<T>,
  documents: readonly { readonly document: Signed; readonly signer: Signer }[],
  more: Partial<Target> = {},
): Target {
  return {
    name: codec.name.replaceAll(' ', '-'),
    samples: documents.flatMap(({ document, signer }) => signedSamples(document, signer)),
    decode(bytes) {
      const { value } = openDocument(codec, reread(signedCodec, bytes))
      reread(codec, codec.encode(value))
      return value
    },
    ...more,
  }
}
