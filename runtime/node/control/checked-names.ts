import { userError } from '../../base/index.ts'
import { dataNameSchema } from '../data-shelf/data-entry.ts'

/** The server's router takes no longer part of a path (`maxParamLength` of fastify), and answers without a word of ours. */
const PATH_PART_CHARACTERS = 100
/** Of a name that is far too long, as much as tells which it is. */
const TOLD_CHARACTERS = 60

/** An id as it may be asked for. Throws `job.unknown` for what is too long, or too short, for one. */
export function checkedJobId(id: string): string {
  if (id.length > 0 && encodeURIComponent(id).length <= PATH_PART_CHARACTERS) return id
  throw userError('job.unknown', `no job ${told(id)} here: expected an id such as job-..., or JOB@NODE`, {
    remedy: 'aivida jobs',
  })
}

/** A name of data. Throws `data.name`. */
export function checkedDataName(name: string): string {
  if (dataNameSchema.safeParse(name).success) return name
  throw userError(
    'data.name',
    `expected a name of at most 100 letters, digits, dots, dashes and underscores that begins with a letter or digit, found ${told(name)}`,
  )
}

function told(name: string): string {
  const shown = JSON.stringify(name.slice(0, TOLD_CHARACTERS))
  return name.length > TOLD_CHARACTERS ? `${shown}... (${name.length} characters)` : shown
}
