/**
 * What every room stands on: errors, time, chance, hashing, bounds, versioned encoding, configuration, the logger port.
 * The loggers themselves are in `logging.ts`, for composition roots alone: engine children do without their weight.
 */
export * from './abortable.ts'
export * from './clock.ts'
export * from './config.ts'
export * from './config-options.ts'
export * from './encoding.ts'
export * from './errors.ts'
export * from './fair-trim.ts'
export * from './hash.ts'
export * from './limit.ts'
export * from './limits.ts'
export * from './logger.ts'
export * from './random.ts'
export * from './slices.ts'
