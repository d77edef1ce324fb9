/** A kernel whose language is a handful of words: `node fake-kernel.ts CONNECTION_FILE`. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cell } from '../../kernel/cell.ts'
import { startKernel } from '../../kernel/kernel.ts'
import type { Execution, Language } from '../../kernel/language/language.ts'
import { readConnection } from '../../kernel/messaging/connection.ts'

const language: Language = {
  version: '0.0.0',
  async execute(code: string, cell: Cell): Promise<Execution> {
    const [word, ...rest] = code.split(' ')
    switch (word) {
      case 'print':
        cell.put({ type: 'stream', name: 'stdout', text: rest.join(' ') })
        return { status: 'ok' }
      case 'print-then-wait':
        cell.put({ type: 'stream', name: 'stdout', text: 'before' })
        return this.execute('wait 60000', cell)
      case 'die':
        process.stderr.write('last words\n')
        return process.exit(7)
      case 'value':
        return { status: 'ok', value: rest.join(' ') }
      case 'fail':
        return { status: 'error', name: 'Failure', message: rest.join(' '), traceback: ['Failure', 'line 1'] }
      case 'wait':
        await sleep(Number(rest[0]), undefined, { signal: cell.signal }).catch(() => {})
        return cell.signal.aborted
          ? { status: 'error', name: 'KeyboardInterrupt', message: 'interrupted', traceback: [] }
          : { status: 'ok' }
      case 'loop': // what cells ask, as long as nobody stops them
        for (;;) (globalThis as Record<string, unknown> & { $stop?: () => void }).$stop?.()
      case 'compute': // as a package does, which asks nobody
        for (;;);
      case 'background':
        setTimeout(() => {
          throw new Error('nobody waits for this')
        }, 1)
        void Promise.reject(new Error('nor for this'))
        return { status: 'ok' }
      default:
        throw new Error(`a defect: ${code}`)
    }
  },
  complete: (code, cursor) => ({ matches: [`${code.slice(0, cursor)}x`], start: 0, end: cursor }),
  inspect: () => undefined,
  isComplete: (code) => ({ status: code === 'value' ? 'complete' : 'invalid' }),
  close() {},
}

await startKernel({
  connection: await readConnection(process.argv[2]!),
  language,
  session: { globals: {}, typesFile: '', magics: [], close: async () => {} },
  render: (value) => ({ 'text/plain': String(value) }),
  version: '0.0.0',
  parent: process.ppid,
})
