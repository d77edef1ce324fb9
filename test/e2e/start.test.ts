// timeout: 240 s
import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('npm start')

const LAUNCHER = fileURLToPath(new URL('../../runtime/launch/launch.js', import.meta.url))
const START = fileURLToPath(new URL('../../notebooks/start.ts', import.meta.url))

/** Runs what `npm start` runs, and removes the folder that it leaves. */
async function start(...args: readonly string[]) {
  const child = spawn(process.execPath, [LAUNCHER, START, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exit = new Promise<number | null>((resolve) => child.on('exit', resolve))
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  const folder = /--model (\S+)\/[\w-]+\.onnx/.exec(out)?.[1]
  if (folder) await rm(folder, { recursive: true, force: true })
  return { out, err, code }
}

test('a network is trained on MNIST by both workers together and reads the test images on both', async () => {
  const { out, err, code } = await start('digits', '256')
  assert.is(code, 0, `${out}\n${err}`)
  assert.ok(Number(/Accuracy\s+([\d.]+) %/.exec(out)?.[1]) >= 93, out)
  for (const worker of ['worker-1', 'worker-2']) {
    assert.match(out, new RegExp(`Rounds.*${worker} \\d+ batches`))
    assert.match(out, new RegExp(`${worker}\\s+\\d+ images in`))
  }
  const batches = [.../Rounds.*/.exec(out)![0].matchAll(/ (\d+) batches/g)].map(([, count]) => Number(count))
  assert.is(batches[0]! + batches[1]!, 256, 'each batch once')
  assert.ok(Number(/back each round.* (\d+) times less/.exec(out)?.[1]) >= 100, out)
})

test('lines of a book are read', async () => {
  const { out, err, code } = await start('ocr', '48')
  assert.is(code, 0, `${out}\n${err}`)
  assert.match(out, /Character error rate\s+[01]\.\d\d %/)
})

test('another word is answered with what there is', async () => {
  const { err, code } = await start('orc')
  assert.is(code, 2)
  assert.match(err, /expected one of digits, ocr, found orc/)
  const none = await start('ocr', '0')
  assert.is(none.code, 2)
  assert.match(none.err, /expected a number from 10 to 99999, found 0/)
})

test.run()
