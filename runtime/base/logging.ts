import { join } from 'node:path'
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino'
import { type Clock, systemClock } from './clock.ts'
import { limit } from './limits.ts'
import type { Logger, LogLevel } from './logger.ts'
import { RollingFile } from './rolling-file.ts'
import { REDACTED, SECRET_NAMES } from './secrets.ts'

/** A logger with an end; `level` may be set while it runs. */
export interface RootLogger extends Logger {
  level: LogLevel
  close(): void
}

/** How to make a {@link RootLogger}. */
export interface LoggerInit {
  readonly level: LogLevel
  /** Stamps the lines. Default: the machine's clock. */
  readonly clock?: Clock
}

/** The current log file's name in the log folder. */
export const LOG_FILE = 'node.log'

const SECRET_PATHS = SECRET_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

/** A daemon's log: JSON lines in `FOLDER/node.log`, put aside each `logFileBytes`, the last `logFiles` kept. */
export function fileLogger(folder: string, init: LoggerInit): RootLogger {
  const path = join(folder, LOG_FILE)
  const file = new RollingFile({ path, maxBytes: limit('logFileBytes'), files: limit('logFiles') })
  return rootLogger(init, file, () => file.close())
}

/** A log for people: one plain line each, `TIME LEVEL MESSAGE key=value ...`, given to `write` with its newline. */
export function plainLogger(write: (line: string) => void, init: LoggerInit): RootLogger {
  return rootLogger(init, { write: (json) => write(plainLine(json)) }, () => {})
}

function rootLogger(init: LoggerInit, destination: DestinationStream, close: () => void): RootLogger {
  const clock = init.clock ?? systemClock
  const logger: PinoLogger = pino(
    {
      level: init.level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.wallMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'message',
      serializers: { error: errorFields },
      redact: { paths: SECRET_PATHS, censor: REDACTED },
    },
    destination,
  )
  return Object.assign(logger, { close }) as RootLogger
}

/** An error as fields: our own keep their code and facts; the stack is for those that nobody foresaw. */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { code, category, facts } = error as Error & { code?: unknown; category?: unknown; facts?: unknown }
  const isForeseen = category !== undefined && category !== 'internal'
  return {
    code,
    message: error.message,
    facts,
    ...(error.cause !== undefined && { cause: errorFields(error.cause) }),
    ...(!isForeseen && { stack: error.stack }),
  }
}

/** A JSON line of a log as a {@link plainLogger} shows it; a line that is none, torn by a crash, as it stands. */
export function plainLine(json: string): string {
  try {
    const { level, time, message, ...fields } = JSON.parse(json) as Record<string, unknown>
    const facts = Object.entries(fields).map(([key, value]) => ` ${plainText(key)}=${plainText(plainValue(value))}`)
    const head = plainText(`${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${String(message)}`)
    return `${head}${facts.join('')}\n`
  } catch {
    return `${plainText(json)}\n`
  }
}

function plainValue(value: unknown): string {
  const isWord = typeof value === 'string' && /^[\w./:@+-]+$/.test(value)
  return isWord ? value : JSON.stringify(value)
}

/** Line breaks and control characters, which may come from a peer, cannot forge a line or steer a terminal. */
function plainText(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ').slice(0, limit('logFieldCharacters'))
}
