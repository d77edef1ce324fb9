import type { Patch } from './patches.ts'

/** Lets the rules see what the machines of this process hear and decide. */
export const WATCHING: readonly Patch[] = [
  watched('runtime/job/scheduler/scheduler.ts', 'scheduler', [
    'SchedulerState',
    'SchedulerEvent',
    'SchedulerInstruction',
  ]),
  watched('runtime/job/worker/machine.ts', 'worker', ['WorkerState', 'WorkerEvent', 'WorkerInstruction']),
]

function watched(file: string, machine: string, [state, event, instruction]: readonly [string, string, string]): Patch {
  const parameters = `(state: ${state}, event: ${event}, nowMs: number): ${instruction}[]`
  return {
    file,
    find: 'export function step(',
    replace: `export function step${parameters} {
  const out = decide(state, event, nowMs)
  globalThis.simulation?.${machine}(state, event, out)
  return out
}
function decide(`,
  }
}
