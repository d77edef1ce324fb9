import { progressOf } from '../../job/programs/index.ts'
import type { BlobRef, Checkpoint, JobRecordDocument, ModelRef, TrainingJob } from '../../protocol/index.ts'

/** What a blob is to a training. */
export type Role =
  | 'step'
  | 'gradient step'
  | 'update step'
  | 'evaluation'
  | 'weights'
  | 'state'
  | 'frozen'
  | 'rows'
  | 'evaluation rows'
  | 'last state'
  | 'best state'

/** Bytes that a training was made from, or came to. */
export interface Content extends BlobRef {
  readonly role: Role
  /** Where they were, or are, on the submitter's machine; weights beside a graph have no path of their own. */
  readonly path?: string
}

/** A record of a training. */
export type TrainingRecord = JobRecordDocument & Pick<TrainingJob, 'request' | 'training'>

/** Whether a record is one of a training. */
export function isTrainingRecord(record: JobRecordDocument): record is TrainingRecord {
  return record.request.program === 'train' && record.training !== undefined
}

/** Everything that a training names, each once. What it was made from is needed to do it again; its states are for comparison. */
export function contentsOf({ model, training, request, parts }: TrainingRecord, outputDir?: string): Content[] {
  const { state, frozen, data, evaluation, rounds } = training
  const { last, best } = statesOf(parts, request)
  const kept = (name: string) => outputDir && `${outputDir}/${name}.safetensors`
  const all = [
    ...filesOf('step', model, request.model),
    ...(rounds?.gradient ? filesOf('gradient step', rounds.gradient, request.rounds?.gradient) : []),
    ...(rounds?.update ? filesOf('update step', rounds.update, request.rounds?.update) : []),
    ...(evaluation ? filesOf('evaluation', evaluation.model, request.evaluation?.model) : []),
    content('state', state, request.state),
    frozen && content('frozen', frozen, request.frozen),
    content('rows', data.table, request.data.path),
    evaluation && content('evaluation rows', evaluation.data.table, request.evaluation?.data.path),
    last && content('last state', last.state, kept('last')),
    best && content('best state', best.state, kept('best')),
  ]
  const byBlob = new Map<string, Content>()
  for (const one of all) if (one && !byBlob.has(one.blob)) byBlob.set(one.blob, one)
  return [...byBlob.values()]
}

/** Whether these are rows, which may be too large, or not to be shown. */
export function isData({ role }: Content): boolean {
  return role === 'rows' || role === 'evaluation rows'
}

/** What a script is called, without the folders of the machine that it was on. */
export function scriptName({ name }: NonNullable<TrainingJob['request']['script']>): string {
  return name.split(/[\\/]/).findLast((each) => each !== '') ?? 'script'
}

/** The states that outlive a training. */
export function statesOf(
  parts: JobRecordDocument['parts'],
  { evaluation }: Pick<TrainingJob['request'], 'evaluation'>,
): { readonly last?: Checkpoint | undefined; readonly best?: Checkpoint | undefined } {
  return progressOf(
    parts.flatMap(({ checkpoint }) => checkpoint ?? []),
    evaluation?.select,
  )
}

function filesOf(role: Role, { graph, weights }: ModelRef, path: string | undefined): Content[] {
  return [content(role, graph, path), ...weights.map((ref) => content('weights', ref, undefined))]
}

function content(role: Role, { blob, sizeBytes }: BlobRef, path: string | undefined): Content {
  return { role, blob, sizeBytes, ...(path !== undefined && { path }) }
}
