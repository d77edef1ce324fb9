/** The worker's side of leases: a pure machine that decides, and a driver that fetches, computes and reports. */
export * from './ports.ts'
export * from './worker.ts'
