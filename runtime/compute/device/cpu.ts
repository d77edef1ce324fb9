import { readFileSync } from 'node:fs'
import os from 'node:os'

/** What the operating system says of this machine; tests make up others. */
export interface Machine {
  readonly platform: string
  /** Node's name: `x64`, `arm64`. */
  readonly arch: string
  readonly cpuModel: string
  /** Linux: /proc/cpuinfo. */
  readonly cpuinfo?: string
  /** Threads that this process may run at once. */
  readonly parallelism: number
  /** Memory that this process may use, limits of a container included. Bytes. */
  readonly memoryBytes: number
}

/** What of a CPU decides how fast and how exactly it computes. */
export interface Cpu {
  readonly model: string
  /** Physical cores that this process may use: sibling threads share the units that matrix products need. */
  readonly cores: number
  /** Which kernels an engine picks here, for example `x64-avx512-vnni`. */
  readonly instructionSet: string
}

/** This machine. */
export function readMachine(): Machine {
  const constrained = process.constrainedMemory()
  const total = os.totalmem()
  return {
    platform: process.platform,
    arch: process.arch,
    cpuModel: os.cpus()[0]?.model.trim() ?? 'unknown',
    parallelism: os.availableParallelism(),
    memoryBytes: constrained > 0 ? Math.min(constrained, total) : total,
    ...cpuinfo(),
  }
}

/** Describes a machine's CPU. */
export function describeCpu(machine: Machine): Cpu {
  return {
    model: machine.cpuModel,
    cores: Math.min(physicalCores(machine.cpuinfo) ?? machine.parallelism, machine.parallelism),
    instructionSet: [machine.arch, ...instructions(machine)].join('-'),
  }
}

/**
 * The steps at which onnxruntime's kernels differ (its MLAS library chooses by these flags), best first: the first one
 * whose flags are all there is the level.
 */
const X64_LEVELS: readonly (readonly [name: string, ...flags: string[]])[] = [
  ['avx512', 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl'],
  ['avx512f', 'avx512f'],
  ['avx2', 'avx2', 'fma'],
  ['avx', 'avx'],
  ['sse4.1', 'sse4_1'],
  ['sse2', 'sse2'],
]
/** Further units with kernels of their own; each counts when one of its flags is there. */
const X64_EXTRAS: readonly (readonly [name: string, ...flags: string[]])[] = [
  ['vnni', 'avx512_vnni', 'avx_vnni'],
  ['bf16', 'avx512_bf16'],
  ['fp16', 'avx512_fp16'],
  ['amx', 'amx_int8'],
]
const ARM64_EXTRAS: readonly (readonly [name: string, ...flags: string[]])[] = [
  ['dotprod', 'asimddp'],
  ['fp16', 'asimdhp'],
  ['i8mm', 'i8mm'],
  ['bf16', 'bf16'],
  ['sve', 'sve'],
  ['sve2', 'sve2'],
  ['sme', 'sme'],
]

function instructions({ arch, cpuModel, cpuinfo }: Machine): string[] {
  const flags = new Set(
    /^(?:flags|Features)\s*:(.*)$/m
      .exec(cpuinfo ?? '')?.[1]
      ?.trim()
      .split(' '),
  )
  const extras = (table: typeof X64_EXTRAS) =>
    table.filter(([, ...names]) => names.some((name) => flags.has(name))).map(([name]) => name)
  const level = X64_LEVELS.find(([, ...names]) => names.every((name) => flags.has(name)))
  if (arch === 'x64' && level) return [level[0], ...extras(X64_EXTRAS)]
  if (arch === 'arm64' && flags.has('asimd')) return ['neon', ...extras(ARM64_EXTRAS)]
  // Without flags only the same model is sure to have the same ones.
  return ['like', slug(cpuModel)]
}

/** Text as a part of a class's name: small letters, digits and dots. */
export function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '.')
    .replace(/^\.|\.$/g, '')
}

/** Distinct (physical id, core id) pairs; `undefined` where the file doesn't tell (arm64, virtual machines). */
function physicalCores(cpuinfo: string | undefined): number | undefined {
  const cores = new Set<string>()
  for (const block of cpuinfo?.split('\n\n') ?? []) {
    const [socket, core] = ['physical id', 'core id'].map(
      (key) => new RegExp(`^${key}\\s*: (\\d+)`, 'm').exec(block)?.[1],
    )
    if (core !== undefined) cores.add(`${socket}/${core}`)
  }
  return cores.size || undefined
}

function cpuinfo(): { cpuinfo?: string } {
  try {
    return { cpuinfo: readFileSync('/proc/cpuinfo', 'latin1') }
  } catch {
    return {}
  }
}
