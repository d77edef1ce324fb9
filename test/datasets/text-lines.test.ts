import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { characterErrorRate, renderTextLines, textRecogniser } from '../../datasets/text-lines/index.ts'
import { seededRandom, sha256 } from '../../runtime/base/index.ts'
import { OnnxRuntimeEngine } from '../../runtime/compute/engine/onnxruntime.ts'
import { tensorOf } from '../../runtime/data/tensor/index.ts'

const render = (seed: number, count = 8) => renderTextLines({ count, random: seededRandom(seed) })

test('a seed gives the same lines and pixels, another seed others', async () => {
  const [one, same, other] = [await render(3), await render(3), await render(4)]
  assert.equal(one.images.shape, [8, 48, 320])
  assert.is(one.texts.length, 8)
  assert.equal(one.texts, same.texts)
  assert.is(sha256(one.images.data), sha256(same.images.data))
  assert.not.equal(one.texts, other.texts)
})

test('lines are words of the book in black on white', async () => {
  const { images, texts } = await render(3)
  for (const text of texts) assert.match(text, /^\S.{12,25}$/)
  const [paper, ink] = [images.data.filter((level) => level === 255), images.data.filter((level) => level < 64)]
  assert.ok(paper.length > 0.7 * images.data.length)
  assert.ok(ink.length > 0.02 * images.data.length)
})

test('the recogniser reads them, from bytes to characters in one graph', async () => {
  const recogniser = await textRecogniser()
  const { images, texts } = await render(3)
  const session = await new OnnxRuntimeEngine().load({ graph: recogniser.model })
  const outputs = await session.run({ pixels: images })
  assert.equal([outputs.characters?.dtype, outputs.characters?.shape], ['uint16', [8, 40]])
  assert.equal([outputs.confidences?.dtype, outputs.confidences?.shape], ['float32', [8, 40]])
  const lines = recogniser.read(outputs)
  const rate = characterErrorRate(
    texts,
    lines.map(({ text }) => text),
  )
  assert.ok(rate <= 0.02, `character error rate ${rate}: ${JSON.stringify(lines)}`)
  for (const { confidence } of lines) assert.ok(confidence > 0.8 && confidence <= 1)
})

test('blanks part equal characters, and lines do not run into each other', async () => {
  const { read, dictionary } = await textRecogniser()
  const number = (character: string) => dictionary.indexOf(character)
  const [a, b] = [number('a'), number('b')]
  const lines = read({
    characters: tensorOf(Uint16Array.of(a, a, 0, a, b, b, b, 0, 0, 0, 0, 0), [3, 4]),
    confidences: tensorOf(Float32Array.of(1, 0, 1, 0.5, 0.25, 1, 1, 1, 1, 1, 1, 1), [3, 4]),
  })
  assert.equal(lines, [
    { text: 'aa', confidence: 0.75 },
    { text: 'b', confidence: 0.25 },
    { text: '', confidence: 0 },
  ])
})

test('the error rate counts insertions, deletions and substitutions', () => {
  assert.is(characterErrorRate(['whale'], ['whale']), 0)
  assert.is(characterErrorRate(['whale'], ['shale']), 0.2)
  assert.is(characterErrorRate(['whale', 'sea!!'], ['wale', 'seaa!!']), 0.2)
  assert.is(characterErrorRate(['abcd'], []), 1)
  assert.is(characterErrorRate(['ab'], ['ba']), 1)
  assert.is(characterErrorRate([], []), 0)
})

test.run()
