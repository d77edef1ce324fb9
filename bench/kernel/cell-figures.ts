import type { KernelClient } from '../../kernel/client/index.ts'

/** The figures that a cell prints, one a line behind a label. Throws what the cell failed of. */
export async function figuresOf(kernel: KernelClient, code: string, label: string): Promise<number[]> {
  const { reply, outputs } = await kernel.execute(code).done()
  if (reply.status !== 'ok') throw new Error(`the cell failed: ${JSON.stringify(reply)}`)
  const said = outputs.map((output) => (output.type === 'stream' ? output.text : '')).join('')
  return said.split('\n').flatMap((line) => (line.startsWith(`${label} `) ? Number(line.slice(label.length + 1)) : []))
}
