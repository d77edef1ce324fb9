import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readSharedLibrary } from '../../../runtime/compute/device/elf.ts'
import { skip } from '../../support/skip.ts'

const test = suite('shared libraries')
const folder = mkdtempSync(join(tmpdir(), 'aivida-test-'))
test.after(() => rmSync(folder, { recursive: true }))

/** One segment that is loaded at 0x1000 from the file's start, the dynamic section in it, and a note. */
function elf(): Uint8Array {
  const bytes = new Uint8Array(0x200)
  const view = new DataView(bytes.buffer)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1])
  const u64 = (at: number, value: number) => view.setBigUint64(at, BigInt(value), true)
  u64(32, 64) // where segments are described
  view.setUint16(54, 56, true)
  view.setUint16(56, 3, true)
  for (const [i, [type, offset, size]] of [
    [1, 0, 0x200],
    [2, 0x100, 0x60],
    [4, 0x180, 0x20],
  ].entries()) {
    const at = 64 + 56 * i
    view.setUint32(at, type!, true)
    u64(at + 8, offset!)
    u64(at + 16, 0x1000 + offset!)
    u64(at + 32, size!)
  }
  for (const [i, [tag, value]] of [
    [1, 1],
    [5, 0x1000 + 0x1c0],
    [1, 7],
    [10, 16],
    [0, 0],
  ].entries()) {
    u64(0x100 + 16 * i, tag!)
    u64(0x108 + 16 * i, value!)
  }
  for (const [i, word] of [4, 4, 3].entries()) view.setUint32(0x180 + 4 * i, word, true)
  bytes.set([0x47, 0x4e, 0x55, 0, 0xca, 0xfe, 0xba, 0xbe], 0x18c)
  bytes.set(Buffer.from('\0one.1\0two.so.2\0', 'latin1'), 0x1c0)
  return bytes
}

test('what a library needs, and which build it is', () => {
  const path = join(folder, 'a.so')
  writeFileSync(path, elf())
  assert.equal(readSharedLibrary(path), { needed: ['one.1', 'two.so.2'], buildId: 'cafebabe' })
})

test('what is no library of 64 bits, or is cut short, says nothing', () => {
  const path = join(folder, 'b.so')
  const other = elf()
  other[4] = 1
  for (const bytes of [
    other,
    Buffer.from('#!/bin/sh'),
    Buffer.alloc(100),
    new Uint8Array(),
    elf().subarray(0, 0x120),
  ]) {
    writeFileSync(path, bytes)
    assert.is(readSharedLibrary(path), undefined)
  }
})

test('this very program', () => {
  if (process.platform !== 'linux') return skip('no ELF here')
  assert.ok(readSharedLibrary(process.execPath)!.needed.includes('libc.so.6'))
})

test.run()
