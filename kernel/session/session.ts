import type { Magic } from '../magics/magic.ts'

/** What cells find without an import. */
export interface Session {
  /** Values by name. Getters are kept: what is costly to load is loaded when a cell first names it. */
  readonly globals: Readonly<Record<string, unknown>>
  /** Absolute path of the declarations of the globals and of the module `aivida`: what completion and type checks go by. */
  readonly typesFile: string
  readonly magics: readonly Magic[]
  /** Lets go of what cells began: connections are closed, jobs go on. */
  close(): Promise<void>
}
