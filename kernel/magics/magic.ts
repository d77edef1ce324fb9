/**
 * A magic turns what stands behind its name into TypeScript, which is run in its place: `%%name args` takes the whole cell,
 * `%name args` its own line. It is pure; what it makes speaks to the session (`kernel/session`) like any cell.
 */
export interface Magic {
  readonly name: string
  readonly kind: 'cell' | 'line'
  /** One line: how it is written. */
  readonly usage: string
  /** One line: what it does. */
  readonly summary: string
  /**
   * The TypeScript for `args` and, of a cell magic, the lines below it. Keeps the number of lines, so that errors name the
   * right ones. Throws `magic.*` with its usage.
   */
  expand(args: string, body: string): string
}
