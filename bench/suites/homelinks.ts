import { gradients } from '../../runtime/index.ts'
import { type Check, round, type Suite } from '../report.ts'
import { type HomeResult, homeRun, WORKERS } from '../training/home-links.ts'

/** Loss on held-out text that both have to reach, nats a character. Fixed before anything was timed. */
const LOSS = 2.46
/**
 * Steps of each member, and rates, that reach it soonest: tuned for each side by itself (`bench/README.md`). A cosine ends
 * with the run, so that neither pays for steps that the other needs.
 */
const AUTO = { steps: 160, learningRate: 0.03, restRate: 0.133 }
const SYNCHRONOUS = { steps: 100, learningRate: 0.045, restRate: 0.1 }

/**
 * A character model of 0.82M parameters trained by four workers behind home lines until its loss on held-out text is at
 * one fixed beforehand: as `sync: 'auto'` chooses, against gradients of 8 bits at every step. Both on the same nodes and
 * text, slices reduced by the workers themselves; measuring links and steps is part of the time.
 */
export const suite: Suite = async ({ say }) => {
  const auto = await homeRun({ name: 'auto', sync: 'auto', ...AUTO })
  say(described('auto', auto))
  say(auto.sync)
  const synchronous = await homeRun({ name: 'synchronous', sync: gradients({ compression: 'i8' }), ...SYNCHRONOUS })
  say(described('synchronous', synchronous))
  for (const [name, { loss }] of Object.entries({ auto, synchronous }))
    if (!(loss <= LOSS)) throw new Error(`${name} came to a loss of ${loss}, not to ${LOSS}`)
  const checks: Check[] = [
    {
      name: 'auto_vs_sync_time',
      value: round(auto.seconds / synchronous.seconds),
      unit: 'x',
      gate: '<= 0.4',
      goal: '<= 0.2',
    },
    { name: 'network_idle_pct', value: round(auto.idlePct), unit: '%' },
    { name: 'network_idle_pct_sync', value: round(synchronous.idlePct), unit: '%' },
    { name: 'auto_s', value: round(auto.seconds), unit: 's' },
    { name: 'sync_s', value: round(synchronous.seconds), unit: 's' },
    { name: 'auto_loss', value: round(auto.loss), unit: 'nats' },
    { name: 'sync_loss', value: round(synchronous.loss), unit: 'nats' },
    { name: 'auto_mb_a_worker', value: round(auto.megabytes), unit: 'MB' },
    { name: 'sync_mb_a_worker', value: round(synchronous.megabytes), unit: 'MB' },
  ]
  return { checks, seed: 1, n: WORKERS }
}

function described(name: string, { seconds, loss, rounds, megabytes, idlePct }: HomeResult): string {
  return `${name}: ${rounds} rounds in ${seconds.toFixed(1)} s to ${loss.toFixed(4)}, ${megabytes.toFixed(1)} MB a worker, its line idle for ${idlePct.toFixed(0)} %`
}
