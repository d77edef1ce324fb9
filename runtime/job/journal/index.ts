/** Where work is durable: a job's story at its submitter, leases and receipts at a worker. */
export * from './frames.ts'
export * from './job-journal.ts'
export * from './journals.ts'
export * from './worker-journal.ts'
