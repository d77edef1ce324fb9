import { userError } from '../../base/index.ts'
import { type Tensor, tensorOf } from '../tensor/index.ts'

/** The characters (code points) of a text, each once, in the order of their numbers in Unicode. */
export function alphabetOf(text: string): string[] {
  return [...new Set(text)].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!)
}

/**
 * A text as places of its characters in an alphabet: `[characters] uint8`, or `uint16` for alphabets beyond 256.
 * Throws `rows.symbol` for a character that is not in it.
 */
export function encodeText(text: string, alphabet: readonly string[]): Tensor {
  const places = new Map(alphabet.map((character, place) => [character, place]))
  const place = (character: string, at: number): number => {
    const found = places.get(character)
    if (found === undefined)
      throw userError(
        'rows.symbol',
        `character ${at} is ${JSON.stringify(character)}, which the alphabet of ${alphabet.length} does not have; ` +
          'make the alphabet of all the text, or replace the character',
        { character, at },
      )
    return found
  }
  const characters = [...text] // by code point
  return tensorOf(alphabet.length <= 256 ? Uint8Array.from(characters, place) : Uint16Array.from(characters, place))
}

/** The way back from {@link encodeText}. */
export function decodeText(places: Iterable<number | bigint>, alphabet: readonly string[]): string {
  return Array.from(places, (place) => alphabet[Number(place)] ?? REPLACEMENT).join('')
}

const REPLACEMENT = '\ufffd'
