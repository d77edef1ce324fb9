import { resolve, sep } from 'node:path'
import { inspect } from 'node:util'
import { isAividaError } from '../../runtime/base/errors.ts'
import type { CellCodes, Place } from './cell-code.ts'

/** How a cell failed, as the kernel says it: what {@link Execution} carries. */
export interface Failure {
  readonly status: 'error'
  readonly name: string
  readonly message: string
  readonly traceback: readonly string[]
}

/** How many causes and inner errors are followed. */
const MAX_DEPTH = 8
const MAX_ERRORS = 10

/** What was thrown, with the frames that are the user's: cells and his own modules. */
export function failureOf(thrown: unknown, codes: CellCodes): Failure {
  try {
    const { name, message } = headOf(thrown)
    return { status: 'error', name, message, traceback: describe(thrown, codes, 0, new Set()) }
  } catch (error) {
    // Something that throws when it is looked at.
    const message = `what was thrown cannot be shown: ${error instanceof Error ? error.message : 'it throws when looked at'}`
    return { status: 'error', name: 'Error', message, traceback: [`Error: ${message}`] }
  }
}

/** An interrupt by the user, which other languages' kernels call so too. */
export function interrupted(detail?: string): Failure {
  const message = detail === undefined ? 'interrupted' : `interrupted: ${detail}`
  return { status: 'error', name: 'KeyboardInterrupt', message, traceback: [`KeyboardInterrupt: ${message}`] }
}

/** What the compiler, or we before it, found wrong with a cell's code. */
export function codeFailure(
  found: readonly { readonly place: Place; readonly message: string }[],
  cell: string,
): Failure {
  const say = ({ where, line, column }: Place) => `${where === cell ? '' : `${where} `}${line}:${column}`
  const message = found.map(({ place, message }) => `${say(place)} - ${message}`).join('\n')
  const traceback = found.flatMap(({ place, message }) => [
    `TypeScriptError: ${say(place)} - ${message}`,
    ...excerpt(place),
  ])
  return { status: 'error', name: 'TypeScriptError', message, traceback }
}

function headOf(thrown: unknown): { readonly name: string; readonly message: string } {
  if (!isError(thrown)) return { name: 'Thrown', message: typeof thrown === 'string' ? thrown : inspect(thrown) }
  const remedy = isAividaError(thrown) && typeof thrown.facts?.remedy === 'string' ? thrown.facts.remedy : ''
  const message = String(thrown.message)
  return {
    name: String(thrown.name),
    message: remedy === '' || message.includes(remedy) ? message : `${message}\n${remedy}`,
  }
}

function describe(thrown: unknown, codes: CellCodes, depth: number, seen: Set<unknown>): string[] {
  const { name, message } = headOf(thrown)
  const code = isAividaError(thrown) ? ` (${thrown.code})` : ''
  const lines = `${name}${code}: ${message}`.split('\n')
  if (!isError(thrown)) return lines
  seen.add(thrown)
  lines.push(...framesOf(thrown, codes))
  if (depth === MAX_DEPTH) return lines
  const inner = (label: string, error: unknown) => {
    if (seen.has(error)) return
    const [head, ...rest] = describe(error, codes, depth + 1, seen)
    lines.push(`  [${label}] ${head}`, ...rest.map((line) => `  ${line}`))
  }
  const errors = 'errors' in thrown && Array.isArray(thrown.errors) ? thrown.errors : []
  for (const [n, error] of errors.slice(0, MAX_ERRORS).entries()) inner(`${n + 1} of ${errors.length}`, error)
  if (thrown.cause !== undefined) inner('cause', thrown.cause)
  return lines
}

/** The user's frames, equal ones in a row as one, under the line where it happened. */
function framesOf(error: Error, codes: CellCodes): string[] {
  const stack = typeof error.stack === 'string' ? codes.relocate(error.stack) : ''
  const lines = stack.split('\n')
  const calls = lines.filter(isUsers)
  // A syntax error found at run time has no frame: Node puts its place before the message.
  const frames = calls.length > 0 ? calls : lines.filter((line) => /^cell \d+, line \d+$/.test(line))
  const first = /\(?cell (\d+), line (\d+)(?::(\d+))?\)?$/.exec(frames[0] ?? '')
  const text = first ? codes.lineOf(Number(first[1]), Number(first[2])) : undefined
  const told =
    first && text !== undefined
      ? excerpt({ where: `cell ${first[1]}`, line: Number(first[2]), column: Number(first[3] ?? 1), text })
      : []
  for (let at = 0; at < frames.length; ) {
    let end = at + 1
    while (frames[end] === frames[at]) end++
    told.push(`${frames[at]}${end - at > 1 ? ` (${end - at} times)` : ''}`)
    at = end
  }
  return told
}

function excerpt({ line, column, text }: Place): string[] {
  if (text === undefined) return []
  const number = String(line)
  return [`  ${number} | ${text}`, `  ${' '.repeat(number.length)} | ${' '.repeat(column - 1)}^`]
}

function isUsers(line: string): boolean {
  if (!/^\s+at /.test(line)) return false
  if (/\bcell \d+, line \d+/.test(line)) return true
  return (
    /\.[cm]?[jt]sx?:\d+:\d+\)?$/.test(line) &&
    !/node_modules|\bnode:|evalmachine/.test(line) &&
    !OWN.some((folder) => line.includes(folder))
  )
}

/** What stands between a cell and its errors without being the user's. */
const OWN = ['..', '../../runtime'].map((folder) => resolve(import.meta.dirname, folder) + sep)

function isError(thrown: unknown): thrown is Error {
  return thrown instanceof Error || Object.prototype.toString.call(thrown) === '[object Error]'
}
