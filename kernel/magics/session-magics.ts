import { userError } from '../../runtime/base/errors.ts'
import { ACTIONS_CODE } from './actions.ts'
import type { Magic } from './magic.ts'
import { sqlMagic } from './sql-magic.ts'

/** `%cluster`, `%jobs`: variables of the session under the names that people expect. */
function shows(name: string, code: string, summary: string): Magic {
  return {
    name,
    kind: 'line',
    usage: `%${name}`,
    summary,
    expand(args) {
      if (args !== '')
        throw userError('magic.arguments', `%${name} takes nothing behind it, found ${JSON.stringify(args)}`)
      return code
    },
  }
}

const timeCell: Magic = {
  name: 'time',
  kind: 'cell',
  usage: '%%time',
  summary: 'says how long the cell takes',
  expand(args, body) {
    if (args !== '')
      throw userError(
        'magic.arguments',
        `%%time stands on a line of its own, found ${JSON.stringify(args)}; or is it %time?`,
      )
    return `${ACTIONS_CODE}.timeCell();\n${body}`
  },
}

const timeLine: Magic = {
  name: 'time',
  kind: 'line',
  usage: '%time EXPRESSION',
  summary: 'says how long it takes; also of const NAME = EXPRESSION',
  expand(args) {
    const [, declared = '', expression = ''] = /^((?:const|let|var)\s+[^=]+=(?!=)\s*)?(.*)$/s.exec(args) ?? []
    const bare = expression.trim().replace(/;$/, '')
    if (bare === '') throw userError('magic.arguments', 'expected %time EXPRESSION, such as %time await job')
    const timed = `${ACTIONS_CODE}.time(run) as ReturnType<typeof run>`
    return `${declared}await Array.of(async () => (${bare})).map((run) => ${timed})[0]!`
  },
}

const npm: Magic = {
  name: 'npm',
  kind: 'line',
  usage: '%npm install NAME...',
  summary: "installs packages into the notebook's folder; their scripts are not run",
  expand: (args) => `await ${ACTIONS_CODE}.npm(${JSON.stringify(args)})`,
}

const known: Magic[] = [
  sqlMagic,
  timeCell,
  timeLine,
  shows('cluster', 'void display(cluster)', 'who is here, and what they compute on'),
  shows('jobs', 'void display(await cluster.jobs())', "this node's jobs"),
  shows('peers', 'void display(await cluster.peers())', 'this node and those that it is connected to'),
  npm,
]

const magics: Magic = {
  name: 'magics',
  kind: 'line',
  usage: '%magics',
  summary: 'lists what there is',
  expand: () => `console.log(${JSON.stringify(magicsText())})`,
}

/** As other kernels call it. */
const aliases: readonly Magic[] = ['lsmagic', 'help'].map((name) => ({
  ...magics,
  name,
  usage: `%${name}`,
  summary: 'the same',
}))

/** All magics of a session. To add one, write a {@link Magic} and put it into this list. */
export const SESSION_MAGICS: readonly Magic[] = [...known, magics, ...aliases]

function magicsText(): string {
  return SESSION_MAGICS.map(({ usage, summary }) => `${usage.padEnd(24)} ${summary}`).join('\n')
}
