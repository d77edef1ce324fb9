import type { Disk } from '../../runtime/log/index.ts'

/** Files in memory: nothing waits for a real disk, so that virtual time stays exact. `failing` makes writes fail. */
export function memoryDisk(): Disk & { failing: boolean } {
  const files = new Map<string, Uint8Array>()
  const noFile = (path: string) => Object.assign(new Error(`no such file: ${path}`), { code: 'ENOENT' })
  return {
    failing: false,
    async makeDir() {},
    async list(dir) {
      return [...files.keys()].filter((path) => path.startsWith(`${dir}/`)).map((path) => path.slice(dir.length + 1))
    },
    async read(path, fromByte = 0) {
      const bytes = files.get(path)
      if (!bytes) throw noFile(path)
      return bytes.slice(fromByte)
    },
    async open(path, mode) {
      if (mode !== 'keep') files.set(path, new Uint8Array())
      const disk = this
      return {
        async write(bytes, at) {
          if (disk.failing) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
          const before = files.get(path) ?? new Uint8Array()
          const after = new Uint8Array(Math.max(before.byteLength, at + bytes.byteLength))
          after.set(before)
          after.set(bytes, at)
          files.set(path, after)
        },
        async sync() {},
        async truncate(sizeBytes) {
          files.set(path, (files.get(path) ?? new Uint8Array()).slice(0, sizeBytes))
        },
        async close() {},
      }
    },
    async rename(from, to) {
      const bytes = files.get(from)
      if (!bytes) throw noFile(from)
      files.set(to, bytes)
      files.delete(from)
    },
    async remove(path) {
      files.delete(path)
    },
    async syncDir() {},
    async lock() {
      return () => {}
    },
  }
}
