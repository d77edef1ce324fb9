/**
 * `npm start` trains a network on MNIST and reads digits with it; `npm start -- ocr` reads lines of a book. A number behind
 * it is how many batches are learned from, or lines read.
 */
const EXAMPLES = { digits: './read-digits.ts', ocr: './read-lines.ts' } as const

const [example = 'digits', count] = process.argv.slice(2)
if (!Object.hasOwn(EXAMPLES, example)) refuse(`one of ${Object.keys(EXAMPLES).join(', ')}`, example)
else if (count !== undefined && !/^[1-9]\d{1,4}$/.test(count)) refuse('a number from 10 to 99999', count)
else await import(EXAMPLES[example as keyof typeof EXAMPLES])

function refuse(expected: string, found: string): void {
  console.error(`expected ${expected}, found ${found}; for example: npm start -- ocr`)
  process.exitCode = 2
}
