import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { launcher } from '../../kernel/install/kernelspec.ts'
import { TSLAB_VERSION } from '../../kernel/language/tslab.ts'
import { PEERS_PYTHON } from '../peers/peer.ts'
import type { Skipped } from '../report.ts'

/** A Jupyter kernel as its own kernelspec starts it. */
export interface ComparedKernel {
  readonly name: 'aivida' | 'tslab' | 'ipykernel' | 'deno'
  readonly version: string
  /** `{connection_file}` stands for the path of that file. */
  readonly argv: readonly string[]
}

/** This package's kernel, from its launcher. */
export const AIVIDA: ComparedKernel = {
  name: 'aivida',
  version: 'this commit',
  argv: [process.execPath, launcher(), '{connection_file}'],
}

/** Stock tslab under the same Node. */
export const TSLAB: ComparedKernel = {
  name: 'tslab',
  version: TSLAB_VERSION,
  argv: [process.execPath, tslabProgram(), 'kernel', '--config-path', '{connection_file}'],
}

/** The kernels of other languages that are installed here, and why the others are not compared. */
export async function otherKernels(): Promise<{
  readonly kernels: readonly ComparedKernel[]
  readonly skipped: readonly Skipped[]
}> {
  const kernels: ComparedKernel[] = []
  const skipped: Skipped[] = []
  const python = process.env[PEERS_PYTHON]
  const ipykernel = python && (await versionOf(python, ['-c', 'import ipykernel; print(ipykernel.__version__)']))
  if (ipykernel)
    kernels.push({
      name: 'ipykernel',
      version: ipykernel,
      argv: [python, '-m', 'ipykernel_launcher', '-f', '{connection_file}'],
    })
  else skipped.push({ name: 'ipykernel', reason: `set ${PEERS_PYTHON} to a Python that has ipykernel` })
  const deno = await versionOf('deno', ['--version'])
  if (deno)
    kernels.push({ name: 'deno', version: deno, argv: ['deno', 'jupyter', '--kernel', '--conn', '{connection_file}'] })
  else skipped.push({ name: 'deno', reason: 'there is no deno on the PATH' })
  return { kernels, skipped }
}

async function versionOf(program: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(program, args)
    return stdout.trim().split('\n')[0]
  } catch {
    return undefined
  }
}

function tslabProgram(): string {
  return join(dirname(createRequire(import.meta.url).resolve('tslab/package.json')), 'bin/tslab')
}
