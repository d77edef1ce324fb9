/**
 * `aivida doctor`: what is wrong with a node, in plain sentences with a remedy each, whether or not it runs. Checks are
 * small files over one port, {@link Machine}; {@link examine} runs them within their limits.
 */
export * from './check.ts'
export { admit, CHECKS, examine } from './doctor.ts'
export type { FileSystemFacts, Machine, PortAddress, Standing } from './machine.ts'
export { systemMachine } from './system-machine.ts'
