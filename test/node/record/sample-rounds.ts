import { type NamedTensors, tensorOf } from '../../../runtime/data/tensor/index.ts'
import type { TrainingRecord } from '../../../runtime/node/record/index.ts'
import {
  type ResultPart,
  type RoundManifest,
  type RoundOutcome,
  roundsRequestSchema,
} from '../../../runtime/protocol/index.ts'
import { blob, digest, MADE_WALL_MS, peer, trainingRecord } from './sample-record.ts'

/** Members of {@link roundsRecord}; the third is late now and then, and left out once. */
export const MEMBERS = ['A', 'B', 'C'].map(peer)
const RECIPE: RoundManifest['recipe'] = {
  mode: 'local',
  localSteps: 10,
  up: { kind: 's1' },
  down: { kind: 'q2' },
  outer: { rate: 0.7, momentum: 0.9 },
}

/** A training of `count` rounds by three members, one slice, round r reduced by the first. 1 s a round. */
export function roundsRecord(count: number): TrainingRecord {
  const base = trainingRecord()
  const manifests: RoundManifest[] = []
  const parts: ResultPart[] = []
  for (let round = 0; round < count; round++) {
    manifests.push(manifestOf(round))
    parts.push(partOf(round, parts.length))
  }
  const workers = MEMBERS.map((peer, i) => ({
    ...{ peer, name: `worker-${i + 1}`, shards: count, rows: 10 },
    computeMs: 500,
  }))
  return {
    ...base,
    ...{ workers, parts, rounds: manifests, finishedWallMs: MADE_WALL_MS + 1_000 * count + 500 },
    request: { ...base.request, rounds: roundsRequestSchema.parse({ workers: { min: 3, max: 3 }, sync: 'diloco' }) },
    training: { ...base.training, rounds: { length: 1_000, plain: 0 } },
  }
}

function manifestOf(round: number): RoundManifest {
  const members = MEMBERS.map((peer, i) => ({
    ...{ peer, shard: digest(String(i)), fromStep: 10 * round, base: { round, held: true } },
    batches: [{ from: 30 * round + 10 * i, count: 10 }],
  }))
  const rest = { aggregation: { rule: 'mean' as const }, lineage: digest('a'), slices: [1_000], deadlineMs: 2_000 }
  return { round, recipe: RECIPE, position: 30 * round, members, ...rest } as RoundManifest
}

function partOf(round: number, index: number): ResultPart {
  const isLate = round % 4 === 3
  const counted = MEMBERS.filter((_, i) => i < 2 || !isLate).map((peer, i): RoundOutcome['counted'][number] => ({
    ...{
      peer,
      round: i === 2 && round % 4 === 0 && round > 0 ? round - 1 : round,
      shard: digest(String(i)),
      weight: 10,
    },
    ...{ batches: [{ from: 30 * round + 10 * i, count: 10 }], updates: [blob('c', 500)], inner: blob('d') },
    ...{ computeMs: 600 + 100 * i, doneMs: 650 + 100 * i },
  }))
  const openedWallMs = MADE_WALL_MS + 200 + 1_000 * round
  return {
    ...{ index, file: `part-${index}.arrow`, firstRow: 30 * round, rows: 10 * counted.length, sha256: digest('5') },
    shard: counted[0]!.shard,
    furtherShards: counted.slice(1).map(({ shard }) => shard),
    round: {
      ...{ round, counted, lineage: digest('b'), openedWallMs, closedWallMs: openedWallMs + 950 },
      excluded: isLate ? [{ peer: MEMBERS[2]!, code: 'round.late', message: 'it was <not> done in time' }] : [],
      aggregates: [{ ...{ update: blob('e', 300), at: MEMBERS[0]!, shard: digest('f') }, computeMs: 40, doneMs: 940 }],
    },
    ...(round % 5 === 4 && {
      checkpoint: {
        step: 30 * (round + 1),
        state: blob('9'),
        validation: { loss: 2 / (1 + round), accuracy: round / 40 },
      },
    }),
    computedBy: counted.map(({ peer, computeMs }) => ({
      ...{ peer, determinismClass: 'ort-1.30.0/cpu/x64-avx2/all', shards: 1, computeMs },
    })),
  }
}

/** Metrics of a part: losses that fall. */
export async function metricsOf({ rows, firstRow }: ResultPart): Promise<NamedTensors> {
  const at = (i: number) => firstRow + i
  const column = (value: (i: number) => number) => tensorOf(Float32Array.from({ length: rows }, (_, i) => value(i)))
  return {
    step: tensorOf(BigInt64Array.from({ length: rows }, (_, i) => BigInt(at(i) + 1))),
    loss: column((i) => 2.3 / (1 + at(i) / 100) + 0.05 * Math.sin(at(i))),
    accuracy: column((i) => 1 - 1 / (1 + at(i) / 60)),
  }
}
