/** Several files as one that every system can open. */
export * from './tar.ts'
