import { type Life, never } from './world.ts'

/**
 * A port that is shared with later processes of a machine, as one of them sees it: once that is dead, no call takes
 * effect and none returns. What a call gives back is mortal, too.
 */
export function mortal<T extends object>(life: Life, port: T): T {
  return new Proxy(port, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      return async (...args: unknown[]): Promise<unknown> => {
        if (!life.act()) return never()
        const result: unknown = await value.apply(target, args)
        return hasMethods(result) ? mortal(life, result) : result
      }
    },
  })
}

function hasMethods(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.values(value).some((each) => typeof each === 'function')
}
