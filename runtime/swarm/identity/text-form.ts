import { base58btc } from 'multiformats/bases/base58'
import { type AividaError, digestBytes, limit, sha256, userError } from '../../base/index.ts'

const CHECKSUM_BYTES = 4

/** Bytes as one word that people copy between terminals: a prefix that names the kind and version, then base58. */
export interface TextForm {
  encode(bytes: Uint8Array): string
  /** Ignores white space, which pasting adds. Throws the form's error code at any typo. */
  decode(text: string): Uint8Array
}

/**
 * Defines a text form: `prefix` + base58btc(bytes + the first 4 bytes of SHA-256(prefix + bytes)). A mistyped text
 * throws `code`; the text itself never appears in the message, because it may be a secret.
 */
export function textForm(init: { prefix: string; what: string; code: string }): TextForm {
  const { prefix, what, code } = init
  const refuse = (found: string): AividaError =>
    userError(code, `expected ${what} (${prefix}...), found ${found}; copy the whole text again`)
  const checksum = (bytes: Uint8Array) =>
    digestBytes(sha256(Buffer.concat([Buffer.from(prefix), bytes]))).subarray(0, CHECKSUM_BYTES)
  return {
    encode: (bytes) => prefix + base58btc.baseEncode(Buffer.concat([bytes, checksum(bytes)])),
    decode(text) {
      const word = text.slice(0, 2 * limit('textFormCharacters')).replace(/\s+/g, '')
      if (!word.startsWith(prefix)) throw refuse('a text that starts otherwise')
      if (word.length > limit('textFormCharacters')) throw refuse(`more than ${limit('textFormCharacters')} characters`)
      let all: Uint8Array
      try {
        all = base58btc.baseDecode(word.slice(prefix.length))
      } catch {
        throw refuse('a character that does not belong')
      }
      const bytes = all.subarray(0, -CHECKSUM_BYTES)
      if (Buffer.compare(all.subarray(bytes.byteLength), checksum(bytes)) !== 0)
        throw refuse('a typo or a missing piece')
      return bytes
    },
  }
}
