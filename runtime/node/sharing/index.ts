/** Jobs that other accounts may read: at the node that has them, and at those that read them. */
export { RESULT_FILES, type ResultFile } from './result-files.ts'
export { SHARED_OWNER, ShareDesk, type ShareDeskInit } from './share-desk.ts'
export { type FetchedFiles, fetchedFilesSchema } from './shared-files.ts'
export { type JobReference, parseJobReference, readOnly, SharedJobs, type SharedJobsInit } from './shared-jobs.ts'
export { Shares, type SharesInit } from './shares.ts'
