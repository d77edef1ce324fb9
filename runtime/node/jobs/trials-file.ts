import type { Vector } from 'apache-arrow'
import type { TrialReport } from '../../job/programs/index.ts'
import type { Parameter } from '../../protocol/index.ts'

/** Name of the table of trials among the files of a sweep's result. */
export const TRIALS_FILE = 'trials.arrow'

/** How columns of what an evaluation gave are told from parameters. */
export const MEASURED = 'validation.'

/** Columns that each table of trials has, beside its parameters and what was measured. */
export const TRIAL_COLUMNS = ['trial', 'rank', 'state', 'steps', 'bestStep', 'error'] as const

/**
 * The table of a sweep as an Arrow file, a row a trial, in their order. `trial` and `steps` are int32; `rank` (int32, 1 is
 * the best), `bestStep` (int32) and `error` (`CODE: MESSAGE`) are null where there is none; then a column each parameter -
 * float64, bool, or utf8, which is JSON where its values are of several kinds - and `validation.NAME` (float64) each
 * measurement of the trial's best checkpoint, null where it was not measured.
 */
export async function trialsFile(trials: readonly TrialReport[]): Promise<Uint8Array> {
  const { Bool, Float64, Int32, Table, tableToIPC, Utf8, vectorFromArray } = await import('apache-arrow')
  const int32 = (values: (number | null)[]) => vectorFromArray(values, new Int32())
  const text = (values: (string | null)[]) => vectorFromArray(values, new Utf8())
  const ofParameter = (values: readonly Parameter[]): Vector => {
    if (values.every((value) => typeof value === 'number')) return vectorFromArray(values, new Float64())
    if (values.every((value) => typeof value === 'boolean')) return vectorFromArray(values, new Bool())
    return text(
      values.map((value) => (values.every((each) => typeof each === 'string') ? `${value}` : JSON.stringify(value))),
    )
  }
  const names = Object.keys(trials[0]?.parameters ?? {})
  const measured = [...new Set(trials.flatMap(({ checkpoint }) => Object.keys(checkpoint?.validation ?? {})))].sort()
  const columns: Record<string, Vector> = {
    trial: int32(trials.map(({ trial }) => trial)),
    rank: int32(trials.map(({ rank }) => rank ?? null)),
    ...Object.fromEntries(names.map((name) => [name, ofParameter(trials.map((each) => each.parameters[name]!))])),
    state: text(trials.map(({ state }) => state)),
    steps: int32(trials.map(({ steps }) => steps)),
    bestStep: int32(trials.map(({ checkpoint }) => checkpoint?.step ?? null)),
    ...Object.fromEntries(
      measured.map((name) => [
        `${MEASURED}${name}`,
        vectorFromArray(
          trials.map(({ checkpoint }) => checkpoint?.validation?.[name] ?? null),
          new Float64(),
        ),
      ]),
    ),
    error: text(trials.map(({ failure }) => (failure ? `${failure.code}: ${failure.message}` : null))),
  }
  return tableToIPC(new Table(columns), 'file')
}
