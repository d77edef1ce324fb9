import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatTable,
  harmless,
  parseDuration,
} from '../../runtime/cli/figures.ts'

test('durations are read as people write them', () => {
  assert.is(parseDuration('90s'), 90_000)
  assert.is(parseDuration('15m'), 900_000)
  assert.is(parseDuration('2h'), 7_200_000)
  assert.is(parseDuration('1d12h'), 129_600_000)
  for (const wrong of ['', '2', 'h', '2 h', '-1h', '1w', '2h!'])
    assert.throws(
      () => parseDuration(wrong),
      (error: { code: string; message: string }) =>
        error.code === 'duration.malformed' && /such as/.test(error.message),
    )
})

test('durations are written in two units at most', () => {
  const written = [0, 840, 12_500, 200_000, 7_500_000, 349_200_000].map(formatDuration)
  assert.equal(written, ['0 ms', '840 ms', '12.5 s', '3m 20s', '2h 5m', '4d 1h'])
})

test('bytes and counts', () => {
  assert.equal([0, 1_023, 1_536, 5 * 1024 ** 3].map(formatBytes), ['0 B', '1023 B', '1.5 KiB', '5.0 GiB'])
  assert.equal([7, 1_234, 1_234_567].map(formatCount), ['7', '1,234', '1,234,567'])
})

test('tables are aligned', () => {
  assert.is(
    formatTable(
      ['A', 'LONG'],
      [
        ['wide cell', 'x'],
        ['b', 'y'],
      ],
    ),
    'A          LONG\nwide cell  x\nb          y\n',
  )
})

test('what other nodes say of themselves steers no terminal and forges no row', () => {
  assert.is(harmless('a\u001b[2J\u009b1m\tb\nc'), 'a [2J 1m b\nc')
  assert.is(formatTable(['NAME'], [['x\nvm (this)']]), 'NAME\nx vm (this)\n')
})

test.run()
