import { userError } from '../../runtime/base/errors.ts'
import type { Magic } from './magic.ts'
import { relationNames } from './relation-names.ts'

/**
 * `%%sql [name]`: the cell is a SELECT. What it selects from are Arrow tables by their variables' names, and files in quotes;
 * `${...}` puts a value in. The result is shown and, with a name, is a variable. Line breaks and offsets of the query stay.
 */
export const sqlMagic: Magic = {
  name: 'sql',
  kind: 'cell',
  usage: '%%sql [name]',
  summary: 'asks DuckDB: a SELECT over Arrow tables by their names and over files in quotes; the result as `name`',
  expand(args, body) {
    if (args !== '' && !/^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(args))
      throw userError('magic.arguments', `expected %%sql or %%sql NAME, found ${JSON.stringify(args)}`)
    if (body.trim() === '') throw userError('magic.arguments', '%%sql takes a SELECT on the lines below it')
    const query = escaped(body)
    const asked = `await sql.over({ ${relationNames(body).join(', ')} })\`\n${query}\``
    return args === '' ? asked : `const ${args} = ${asked}; ${args}`
  },
}

/** In a template a backtick ends it, which no query means. */
function escaped(body: string): string {
  return body.replaceAll('`', '\\`')
}
