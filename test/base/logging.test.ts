import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AividaError, silentLogger } from '../../runtime/base/index.ts'
import { fileLogger, LOG_FILE, plainLine, plainLogger } from '../../runtime/base/logging.ts'
import { RollingFile } from '../../runtime/base/rolling-file.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const folder = mkdtempSync(join(tmpdir(), 'aivida-logging-'))
const clock = new VirtualClock(Date.UTC(2026, 0, 2, 3, 4, 5, 6))

const logging = suite('logging')
logging.after(() => rmSync(folder, { recursive: true }))

/** What a plain logger at `debug` writes for these calls. */
function plain(use: (logger: ReturnType<typeof plainLogger>) => void): string {
  let text = ''
  const logger = plainLogger((line) => (text += line), { level: 'debug', clock })
  use(logger)
  return text
}

logging('a file log is JSON lines, private, on disk at once', () => {
  const logger = fileLogger(join(folder, 'deep', 'logs'), { level: 'info', clock })
  const path = join(folder, 'deep', 'logs', LOG_FILE)
  logger.child({ job: 'j1' }).info({ shards: 3 }, 'job accepted')
  assert.equal(JSON.parse(readFileSync(path, 'utf8')), {
    level: 'info',
    time: '2026-01-02T03:04:05.006Z',
    job: 'j1',
    shards: 3,
    message: 'job accepted',
  })
  if (process.platform !== 'win32') assert.is(statSync(path).mode & 0o777, 0o600)
  logger.close()
})

logging('lines below the level are not written; the level may change while it runs', () => {
  const text = plain((logger) => {
    logger.level = 'warn'
    logger.info({}, 'unheard')
    logger.level = 'debug'
    logger.debug({}, 'heard')
  })
  assert.is(text, '03:04:05.006 debug heard\n')
})

logging('secrets are left out at every depth that fields have', () => {
  const text = plain((logger) => {
    logger.info({ ticket: 'hush', node: { secretKey: 'hush', wallet: { mnemonic: 'hush' } }, name: 'ada' }, 'joined')
    logger.child({ token: 'hush' }).info({}, 'again')
  })
  assert.not.match(text, 'hush')
  assert.match(text, /name=ada/)
  assert.match(text, /\[redacted\]/)
})

logging('an error keeps code, facts and cause; only the unforeseen keep their stack', () => {
  const cause = new TypeError('x is undefined')
  const error = new AividaError({
    code: 'lease.lost',
    category: 'peer',
    message: 'gone',
    cause,
    facts: { shard: 's1' },
  })
  const ours = plain((logger) => logger.warn({ error }, 'lease lost'))
  const fields = JSON.parse(ours.slice(ours.indexOf('error=') + 'error='.length))
  assert.is(fields.code, 'lease.lost')
  assert.equal(fields.facts, { shard: 's1' })
  assert.not('stack' in fields)
  assert.match(fields.cause.stack, /TypeError: x is undefined/)
})

logging('a plain line stays one line, whatever a peer puts into it', () => {
  const text = plain((logger) =>
    logger.info({ name: 'a\nFAKE error', long: 'x'.repeat(10_000) }, 'hello\n\u001b[2Jthere'),
  )
  assert.is(text.split('\n').length, 2)
  assert.not.match(text, '\u001b')
  assert.ok(text.length < 5_000)
  assert.match(text, /^03:04:05\.006 info {2}hello {2}\[2Jthere name="a\\nFAKE error" long=x+\n$/)
})

logging('a written line reads back as it was shown; a torn one is shown as it is', () => {
  const path = join(folder, 'again', LOG_FILE)
  const logger = fileLogger(join(folder, 'again'), { level: 'info', clock })
  logger.info({ peer: 'p1' }, 'joined')
  logger.close()
  assert.is(
    plainLine(readFileSync(path, 'utf8')),
    plain((logger) => logger.info({ peer: 'p1' }, 'joined')),
  )
  assert.is(plainLine('{"level":"inf'), '{"level":"inf\n')
})

logging('the silent logger has no ears', () => {
  silentLogger.child({ a: 1 }).error({}, 'nothing')
})

const rolling = suite('rolling file')

rolling('keeps the newest files, each within its size, no line torn', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'aivida-rolling-')), 'log')
  const line = (n: number) => `${n}`.padEnd(9, '.').concat('\n')
  let file = new RollingFile({ path, maxBytes: 30, files: 3 })
  for (let n = 0; n < 8; n++) file.write(line(n))
  file.close()
  file = new RollingFile({ path, maxBytes: 30, files: 3 }) // continues where it was
  for (let n = 8; n < 11; n++) file.write(line(n))
  file.close()
  const folder = join(path, '..')
  assert.equal(readdirSync(folder).sort(), ['log', 'log.1', 'log.2'])
  const numbers = ['log.2', 'log.1', 'log'].map((name) => readFileSync(join(folder, name), 'utf8').match(/^\d+/gm))
  assert.equal(numbers, [
    ['3', '4', '5'],
    ['6', '7', '8'],
    ['9', '10'],
  ])
  rmSync(folder, { recursive: true })
})

rolling('a line larger than a file is written whole; one that cannot be written is counted, not thrown', () => {
  const folder = mkdtempSync(join(tmpdir(), 'aivida-rolling-'))
  const path = join(folder, 'log')
  const file = new RollingFile({ path, maxBytes: 4, files: 2 })
  file.write('longer than four bytes\n')
  assert.is(readFileSync(path, 'utf8'), 'longer than four bytes\n')
  rmSync(folder, { recursive: true })
  file.write('the folder is gone, so no new file can be begun\n')
  assert.is(file.dropped, 1)
  assert.not(existsSync(path))
  file.close()
})

logging.run()
rolling.run()
