/**
 * How a node is spoken to from its own machine: HTTP on a socket that only its user can open, one table of calls that
 * server and typed client share ({@link ROUTES}), and streams for events, results and uploads.
 */
export * from './client.ts'
export { Connection, type RequestOptions } from './connection.ts'
export type { FollowOptions } from './follow.ts'
export * from './job-handle.ts'
export { ARROW_STREAM, CONTROL_VERSION, ROUTES, type Routes } from './routes.ts'
export * from './server.ts'
