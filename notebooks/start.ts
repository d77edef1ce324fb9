/** `npm start` trains a network on MNIST and reads digits with it; `npm start -- ocr` reads lines of a book. */
const EXAMPLES = { digits: './read-digits.ts', ocr: './read-lines.ts' } as const

const [example = 'digits'] = process.argv.slice(2)
if (Object.hasOwn(EXAMPLES, example)) await import(EXAMPLES[example as keyof typeof EXAMPLES])
else {
  console.error(`expected one of ${Object.keys(EXAMPLES).join(', ')}, found ${example}; for example: npm start -- ocr`)
  process.exitCode = 2
}
