/** What every room stands on: errors, time, chance, hashing, bounds, versioned encoding, configuration, logging. */
export * from './clock.ts'
export * from './encoding.ts'
export * from './errors.ts'
export * from './hash.ts'
export * from './limits.ts'
export * from './random.ts'
