/** A job in a cell: a view model that is a fold over the job's news, its forms, and the driver that updates it in place. */
export { beginJobView, foldNews, type JobView, type SweepFacts } from './job-view.ts'
export { jobBundle, LiveJob, type LiveJobInit } from './live.ts'
export { jobShower } from './show-job.ts'
