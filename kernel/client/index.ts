/**
 * The other side of the kernel's protocol: starts a kernel, or connects to one that runs, runs cells in it and hears their
 * outputs. It speaks to any Jupyter kernel; tests, benchmarks and `aivida notebook run` use it.
 */
export type { CellRun } from './cell-run.ts'
export { type ExecuteOptions, FrontEnd } from './front-end.ts'
export { KernelClient, type KernelOptions } from './kernel-client.ts'
export type { ExecuteReply, RunOutput } from './run-output.ts'
