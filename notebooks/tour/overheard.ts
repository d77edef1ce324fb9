/** One thing that a node did, as its own process overheard it. */
export interface Overheard {
  /** Row of the table of hops. */
  readonly hop: number
  /** Name of the node. */
  readonly node: string
  /** The machine's monotonic clock, which all its processes share. */
  readonly atMs: number
  readonly facts: string
}

/** Where a hop can be overheard: a method of a class, replaced by one that does the same and tells. */
export interface Place {
  /** Tells what a call came to, stamped when it began or ended, as the place says. What throws is told by nobody. */
  listen(tell: (atMs: number, facts: string) => void): void
  /** The class, and its method by name. */
  readonly of: { readonly prototype: object; readonly name: string }
  readonly method: string
}

type Method = (...args: never[]) => unknown
type ArgumentsOf<F> = F extends (...args: infer A extends readonly unknown[]) => unknown ? A : never
type MethodsOf<C> = { [K in keyof C]: C[K] extends Method ? K : never }[keyof C] & string
type ResultOf<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never

/**
 * Overhears calls of a method. `facts` says what one was about; `undefined` where it is another hop's. `when`: `began` for
 * what is said before it is done, `ended` for what counts once its promise resolves.
 */
export function at<C extends object, K extends MethodsOf<C>>(
  of: { readonly prototype: C; readonly name: string },
  method: K,
  when: 'began' | 'ended',
  facts: (args: ArgumentsOf<C[K]>, result: ResultOf<C[K]>) => string | undefined,
): Place {
  return {
    of,
    method,
    listen: (tell) => {
      const original = of.prototype[method] as Method
      const heard = function (this: C, ...args: ArgumentsOf<C[K]>) {
        const beganMs = nowMs()
        const result = original.apply(this, args as never)
        const ended = (value: unknown) => {
          const said = facts(args, value as never)
          if (said !== undefined) tell(when === 'began' ? beganMs : nowMs(), said)
        }
        if (result instanceof Promise) result.then(ended, () => {})
        else ended(result)
        return result
      }
      Object.assign(of.prototype, { [method]: heard })
    },
  }
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
