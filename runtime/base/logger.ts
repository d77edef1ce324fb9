/** How much a line matters, least first. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Facts of a line: small, machine-readable values; an error goes under `error`. */
export type LogFields = Readonly<Record<string, unknown>>

/** What the rest of the code logs through. The message is constant text; what varies stands in the fields. */
export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** A logger whose every line also carries these fields. */
  child(fields: LogFields): Logger
}

/** Drops everything: for tests and for parts that were given no logger. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
}
