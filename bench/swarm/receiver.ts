/** The receiving process of the swarm suite: `receiver.ts CARRIER`; asked over IPC. */
import { readFileSync, writeFileSync } from 'node:fs'
import { sha256 } from '../../runtime/base/index.ts'
import { toTensorBatch } from '../../runtime/data/tensor/arrow.ts'
import { decodeTensors } from '../../runtime/data/tensor/index.ts'
import { type CarrierName, startReceiver } from './carriers.ts'
import type { Answer, Question } from './remote.ts'

/** Written to once, and used for every transfer: it is the reader's own and not ours to count. */
let memory = new Uint8Array()
let target = memory

function into(sizeBytes: number): Uint8Array {
  if (memory.byteLength < sizeBytes) memory = new Uint8Array(sizeBytes).fill(1)
  target = memory.subarray(0, sizeBytes)
  return target
}

function answer(question: Question): Answer {
  switch (question.type) {
    case 'prepare':
      into(question.sizeBytes)
      writeFileSync('/proc/self/clear_refs', '5') // the peak counts from here
      return { cpuMs: cpuMs() }
    case 'used':
      return { cpuMs: cpuMs(), growthMb: statusMb('VmHWM') - readyMb - memory.byteLength / 2 ** 20 }
    case 'hash':
      return { sha256: sha256(target) }
  }
}

/** Makes an Arrow record batch of what came, over the same memory. */
function arrived(bytes: Uint8Array): void {
  const tensors = decodeTensors(bytes)
  const batch = toTensorBatch(tensors)
  const values = batch.getChild('data')?.data[0]?.values as Uint8Array | undefined
  if (values?.buffer !== bytes.buffer) throw new Error('the tensors were copied on their way into the record batch')
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

function statusMb(name: 'VmRSS' | 'VmHWM'): number {
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1_024
}

process.on('message', (question: Question) => process.send!(answer(question)))
process.on('disconnect', () => process.exit(0))
const address = await startReceiver(process.argv[2] as CarrierName, { into, arrived })
/** Before any transfer: what the first one leaves behind counts too. */
const readyMb = statusMb('VmRSS')
process.send!({ address } satisfies Answer)
