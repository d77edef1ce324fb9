/** Says aloud that the running test cannot be carried out here and why; the runner counts it as skipped, not passed. */
export function skip(reason: string): void {
  process.stdout.write(`\nSKIP ${reason}\n`)
}
