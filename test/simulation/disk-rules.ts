import { join } from 'node:path'
import { sha256 } from '../../runtime/base/index.ts'
import { jobEntryCodec } from '../../runtime/job/journal/index.ts'
import { openLog } from '../../runtime/log/index.ts'
import type { JobSpec, ResultPart, RoundManifest } from '../../runtime/protocol/index.ts'
import type { Acknowledged, Clients } from './clients.ts'
import { rightPart } from './doubling.ts'
import type { Plan } from './plan.ts'
import type { Rules } from './rules.ts'
import { FOLDER, type SimNode } from './sim-node.ts'
import { wrongTraining } from './training-rules.ts'
import type { World } from './world.ts'

/**
 * After a power cut of every machine: what was said to be done has to be on the disks, once and right. Reads the
 * journals with the production log.
 */
export async function checkDisks(
  world: World,
  plan: Plan,
  nodes: readonly SimNode[],
  rules: Rules,
  clients: Clients,
): Promise<void> {
  for (const node of nodes) node.fork()
  for (const acknowledged of clients.acknowledged) {
    const problem = await checkJob(acknowledged, plan, rules).catch((error) => String(error))
    if (problem) world.violate('right-result', `${acknowledged.job}: ${problem}`)
  }
}

async function checkJob({ job, node, plan }: Acknowledged, { faults, nodes }: Plan, rules: Rules) {
  const disk = node.disk.mount(node.life!)
  const log = await openLog({ dir: join(FOLDER.jobs, job, 'journal'), disk }, { clock: node.clock(node.life!) })
  const parts = new Map<number, ResultPart>()
  const manifests = new Map<number, RoundManifest>()
  let spec: JobSpec | undefined
  let [created, ended, epoch] = [0, undefined as string | undefined, 0]
  for await (const entry of log.read(1)) {
    if (entry.epoch < epoch) return `epoch ${entry.epoch} has written after epoch ${epoch}`
    epoch = entry.epoch
    const event = jobEntryCodec.decode(entry.entry)
    if (event.type === 'created') {
      created++
      spec = event.spec
    } else if (event.type === 'ended') ended = event.state
    else if (event.type === 'round') manifests.set(event.manifest.round, event.manifest)
    else if (event.type !== 'part') continue
    else if (parts.has(event.part.index)) return `part ${event.part.index} was committed twice`
    else parts.set(event.part.index, event.part)
  }
  if (created !== 1) return `it was created ${created} times`
  for (const index of rules.committedParts(job)) if (!parts.has(index)) return `the journal has lost part ${index}`
  const status = rules.jobs.get(job)!
  const isUnwritten = ended === undefined && /^(disk|log)\./.test(status.error?.code ?? '') // it goes on after a restart
  if (ended !== status.state && !isUnwritten) return `it was told to be ${status.state}, its journal says ${ended}`
  const isTraining = plan.rounds !== undefined
  const wrong = isTraining
    ? spec && wrongTraining(spec, [...parts.values()], manifests, status.state === 'done')
    : await firstWrong([...parts.values()], plan.width, node, job)
  if (wrong) return wrong
  if (status.state === 'done' && isTraining) return undefined
  if (status.state === 'done') {
    const count = Math.ceil(plan.rows / (plan.rowsPerShard * plan.batchesPerPart))
    return parts.size === count ? undefined : `it is done with ${parts.size} of ${count} parts`
  }
  const code = status.error?.code ?? ''
  const explained =
    (/^(disk|log)\./.test(code) && faults.some((fault) => fault.kind === 'full' && fault.node === node.index)) ||
    (code === 'job.poison-shard' &&
      (faults.some(({ kind }) => kind === 'full') || nodes.some(({ failing }) => failing > 0)))
  return explained ? undefined : `it is ${status.state} (${code}: ${status.error?.message})`
}

/** What is wrong with the files of the parts. */
async function firstWrong(parts: readonly ResultPart[], width: number, { disk }: SimNode, job: string) {
  for (const { index, firstRow, rows, file, sha256: named } of parts) {
    const bytes = disk.peek(join('/results', job, file))
    if (!bytes) return `${file} is not on the disk`
    if (sha256(bytes) !== named) return `${file} is not what its journal names`
    if ((await rightPart(firstRow, rows, width, index)) !== named) return `${file} holds a wrong result`
  }
  return undefined
}
