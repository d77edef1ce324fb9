/**
 * Aivida from a script or a program: submit jobs to the node that runs on this machine, and read their results; write
 * models and make training steps of them.
 *
 * ```ts
 * import { connect } from 'aivida'
 *
 * const client = await connect()
 * const job = await client.infer({ model: 'model.onnx', input: 'rows.arrow' })
 * const table = await job.result()
 * ```
 */
import { homedir } from 'node:os'
import { readConfig } from './node/config-file.ts'
import { Client } from './node/control/client.ts'

export { AividaError, type ErrorCategory, type ErrorInit, type ErrorRecord, isAividaError } from './base/errors.ts'
export type { GraphBuilder, OwnGradient, Target } from './compute/graph/build/graph-builder.ts'
export type { OperatorCall } from './compute/graph/build/operator.ts'
export type { Attributes, GraphNode, TensorType, Value } from './compute/graph/build/value.ts'
export * from './compute/graph/import/index.ts'
export * from './compute/graph/layers/index.ts'
export { type Model, readModel } from './compute/graph/onnx/model.ts'
export type { Attribute } from './compute/graph/onnx/node.ts'
export * from './compute/graph/training/index.ts'
export * from './data/rows/index.ts'
export type { ByteSource } from './data/sources/byte-source.ts'
export {
  type Batch,
  type ColumnChoice,
  type ColumnOrigin,
  type Dataset,
  type DatasetFile,
  type DatasetManifest,
  type DatasetPackage,
  type DatasetSplit,
  type Dimension as TensorDimension,
  encodeSource,
  type OpenDatasetOptions,
  openDataset,
  openSource,
  type Source,
  type SourceFormat,
  type SourceOptions,
  type TensorSpec,
  writeRows,
} from './data/sources/index.ts'
export {
  type DType,
  type NamedTensors,
  type Tensor,
  type TensorArray,
  tensorOf,
  typedArrayOf,
} from './data/tensor/index.ts'
export type { Client, InferRequest } from './node/control/client.ts'
export type { RequestOptions } from './node/control/connection.ts'
export type { FollowOptions } from './node/control/follow.ts'
export type { DoneOptions, FetchOptions, JobHandle } from './node/control/job-handle.ts'
export type { AddDataRequest, DataEntry, PutDataRequest } from './node/data-shelf/data-entry.ts'
export type {
  AdoptJobRequest,
  FollowedView,
  Invite,
  InviteRequest,
  MemberView,
  NodeInfo,
  PendingView,
} from './node/service.ts'
export type { FetchedFiles } from './node/sharing/shared-files.ts'
export { type Sweep, type SweepDefinition, sweep } from './node/sweep/definition.ts'
export { asha, grid, random, type Search } from './node/sweep/search.ts'
export {
  choice,
  type Dimension,
  integer,
  logUniform,
  type ParametersOf,
  type Space,
  uniform,
} from './node/sweep/space.ts'
export type { RankedTrial, SweepEvent, SweepHandle } from './node/sweep/sweep-handle.ts'
export type { TrainingData, TrainingDefinition, TrainingRate } from './node/training/definition.ts'
export {
  type DilocoOptions,
  diloco,
  type GradientsOptions,
  gradients,
  median,
  type RoundsDefinition,
  type TrainingSync,
  trimmedMean,
  type UpdateCompression,
  type UpdateCompressions,
} from './node/training/rounds-definition.ts'
export { type Training, training } from './node/training/training.ts'
export type { TrainingEvent, TrainingHandle, TrainingMembers } from './node/training/training-handle.ts'
export type { NamedPeer, RoundMember, TrainingRound } from './node/training/training-round.ts'
export type {
  Aggregation,
  Checkpoint,
  JobRecordDocument,
  JobRequest,
  JobStatus,
  LearningRate,
  NodeEvent,
  Parameter as TrialParameter,
  PeerView,
  Requirements,
  ResultPart,
  RoundRecipe,
  RoundsView,
  Selection,
  SourceSpec,
  SweepRequest,
  SweepView,
  TrainingProgress,
  TrainRequest,
} from './protocol/index.ts'

/** Which node to speak to. */
export interface ConnectOptions {
  /** Its data folder. Default: `AIVIDA_DATA_DIR`, or `.aivida` in the home folder. */
  readonly dataDir?: string
  /** Its socket, when that lies elsewhere. Default: `AIVIDA_SOCKET_PATH`, or the data folder's. */
  readonly socketPath?: string
}

/**
 * A client of a node on this machine, once that has answered. Throws `node.not-running` when there is none, `config.*`
 * when its configuration cannot be read.
 */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  const system = { home: homedir(), cwd: process.cwd(), platform: process.platform }
  const { socketPath } = readConfig({ system, env: process.env, flags: { ...options } })
  const client = new Client({ socketPath })
  await client.info()
  return client
}
