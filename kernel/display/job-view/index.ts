/** A job in a cell: a view model that is a fold over the node's events, its forms, and the driver that updates it in place. */
export { beginJobView, foldEvent, type JobView, type JobViewInit } from './job-view.ts'
export { jobBundle, LiveJob, type LiveJobInit } from './live.ts'
