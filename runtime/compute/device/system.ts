import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { readSharedLibrary, type SharedLibrary } from './elf.ts'

/** What is asked of the operating system about GPUs; tests make up others. */
export interface System {
  readonly platform: string
  readonly arch: string
  /** Its kernel's version. */
  readonly release: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** What a program prints; `undefined` where it is not installed, fails, or takes longer than a few seconds. */
  run(file: string, args: readonly string[]): Promise<string | undefined>
  /** The content of a file; `undefined` where there is none. */
  read(path: string): Uint8Array | undefined
  /** Names in a folder; none where there is no such folder. */
  list(path: string): readonly string[]
  /** The file that a shared library's name leads to; `undefined` where the loader would find none. */
  library(name: string): Promise<string | undefined>
  /** What a shared library says of itself; `undefined` where there is none that can be read. */
  inspect(path: string): SharedLibrary | undefined
}

/** A program that says nothing for so long is not waited for. */
const RUN_MS = 5_000

/** This machine, with the environment that engines are started in. */
export function thisSystem(env: System['env'], release: string): System {
  const run: System['run'] = (file, args) =>
    new Promise((resolve) => {
      execFile(file, [...args], { timeout: RUN_MS, windowsHide: true, env: { ...env } }, (error, stdout) =>
        resolve(error ? undefined : stdout),
      )
    })
  let cached: Promise<string> | undefined
  return {
    platform: process.platform,
    arch: process.arch,
    release,
    env,
    run,
    read: (path) => attempt(() => readFileSync(path)),
    list: (path) => attempt(() => readdirSync(path)) ?? [],
    async library(name) {
      if (process.platform !== 'linux') return undefined
      const given = (env.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== '')
      const found = given.map((folder) => join(folder, name)).find(existsSync)
      cached ??= run('/sbin/ldconfig', ['-p']).then((text) => text ?? '')
      const line = (await cached).split('\n').find((each) => each.trimStart().startsWith(`${name} `))
      const path = found ?? line?.split('=> ')[1]
      return path === undefined ? undefined : attempt(() => realpathSync(path))
    },
    inspect: (path) => attempt(() => readSharedLibrary(path)),
  }
}

/**
 * What tells a library from another build of it: the version that its file's name ends with (`libcudart.so.12.8.90`), else
 * its build id; `undefined` where it has neither. Python packages of NVIDIA's libraries have names with the major version alone.
 */
export function libraryVersion(system: System, path: string): string | undefined {
  const version = /\.so\.(\d+(?:\.\d+)+)$/.exec(path)?.[1]
  return version ?? system.inspect(path)?.buildId?.slice(0, BUILD_CHARACTERS)
}

/** Enough to tell builds apart; a class's name holds six of them. */
const BUILD_CHARACTERS = 12

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
