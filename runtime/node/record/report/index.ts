/** A job's record as a page for people. */
export { reportOf } from './report.ts'
