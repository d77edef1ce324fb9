// Written by "npm run types" from the sources: what a notebook's cells and editors know of Aivida. Not to be edited.
// One file, in the syntax of TypeScript 5.0, which checks the cells.

declare module 'aivida' {
  import type { Table } from 'apache-arrow'

  /**
   * A client of a node on this machine, once that has answered. Throws `node.not-running` when there is none, `config.*`
   * when its configuration cannot be read.
   */
  function connect(options?: ConnectOptions): Promise<Client>

  /**
   * The one error class of the project. Told apart by `code` (`area.what`, for example `lease.expired`), not by
   * `instanceof`, because errors cross processes and package copies as data.
   */
  class AividaError extends Error {
    readonly name: 'AividaError'
    readonly code: string
    readonly category: ErrorCategory
    readonly retryable: boolean
    readonly facts: Readonly<Record<string, unknown>>
    constructor(init: ErrorInit)
    /** As it crosses to another process: without its cause and stack. */
    toJSON(): ErrorRecord
  }

  /** Who can mend an error: the caller, a peer, the machine, time, or us. */
  type ErrorCategory = 'user' | 'config' | 'peer' | 'platform' | 'timeout' | 'aborted' | 'internal'

  /** What an {@link AividaError} is made from; `message` says what was expected, what came and what to do. */
  interface ErrorInit {
    /** `area.what`, such as `lease.expired`: what programs tell it by. */
    readonly code: string
    /** Who can mend it. */
    readonly category: ErrorCategory
    /** What was expected, what came, what to do. */
    readonly message: string
    /** Whether the same call may succeed later. Default: `false`. */
    readonly retryable?: boolean
    /** What it was made of; stays in this process. */
    readonly cause?: unknown
    /** Machine-readable facts about the failure; never a secret. */
    readonly facts?: Readonly<Record<string, unknown>>
  }

  /** An error as it crosses a process border: what {@link AividaError.toJSON} gives. */
  interface ErrorRecord {
    readonly code: string
    readonly category: ErrorCategory
    readonly message: string
    readonly retryable: boolean
    readonly facts: Readonly<Record<string, unknown>>
  }

  /** Whether `error` is ours and carries this code (any code, when none is given). */
  function isAividaError(error: unknown, code?: string): error is AividaError

  /**
   * Builds a graph of ONNX operators, opset 18, value by value. Types are inferred at once, so a mistake is told where it
   * is made, by layer and shapes. An equal call gives the same value: nothing is computed twice.
   *
   * Throws `graph.shape`, `graph.dtype`, `graph.attribute`, `graph.input`, `graph.dynamic`, `graph.unknown-op`.
   */
  interface GraphBuilder {
    readonly target: Target
    /** What {@link withGradient} was told. */
    readonly ownGradients: Map<Value, OwnGradient>
    /** In the order in which they were built, which is one they can run in. */
    readonly nodes: readonly GraphNode[]
    readonly inputs: readonly Value[]
    /** A value the graph is given. Throws `graph.name-taken`, `graph.shape`. */
    input(name: string, type: TensorType): Value
    /** A tensor as part of the graph; an equal small one is the same value. */
    constant(tensor: Tensor): Value
    /** A scalar constant of a floating or integer type. Default dtype: `float32`. */
    scalar(value: number, dtype?: DType): Value
    /** An int64 constant of rank 1: axes, shapes, starts. */
    integers(values: readonly number[]): Value
    /** Values built inside belong to this layer: its path names them, in the file and in errors. */
    within<T>(layer: string, build: () => T): T
    /** The path of the layer that is being built. */
    readonly layer: string
    /** The first output of an operator. */
    apply(op: string, inputs: readonly (Value | undefined)[], attributes?: Attributes, domain?: string): Value
    /** All outputs of an operator that its row of the table infers. */
    applyAll(op: string, inputs: readonly (Value | undefined)[], attributes?: Attributes, domain?: string): readonly Value[]
    /**
     * `value`, with a gradient of its own: where a formula is known that is shorter than the rules of the operators from
     * `inputs` to it. `rule` gives the gradients of `inputs` from that of `value`.
     */
    withGradient(value: Value, inputs: readonly Value[], rule: OwnGradient['rule']): Value
    /** A name that no value has yet, for messages and files. */
    unusedName(stem: string): string
    /** `a + b`, element by element; shapes are broadcast. Throws `graph.shape`, `graph.dtype`, as all of these. */
    add(a: Value, b: Value): Value
    /** `a - b`. */
    sub(a: Value, b: Value): Value
    /** `a * b`, element by element. */
    mul(a: Value, b: Value): Value
    /** `a / b`. */
    div(a: Value, b: Value): Value
    /** `-a`. */
    neg(a: Value): Value
    /** The square root of each element. */
    sqrt(a: Value): Value
    /** `a * factor`. */
    scale(a: Value, factor: number): Value
    /** `a + addend`. */
    shift(a: Value, addend: number): Value
    /** Matrix product over the last two axes; those before broadcast. */
    matmul(a: Value, b: Value): Value
    /** Of matrices: `op(a) op(b) + c`, where op transposes if told to. */
    gemm(a: Value, b: Value, options?: { transA?: boolean; transB?: boolean; c?: Value }): Value
    /** The axes in another order: axis `i` of the result is axis `perm[i]` of `a`. */
    transpose(a: Value, perm: readonly number[]): Value
    /** The last two axes exchanged. */
    swapLast(a: Value): Value
    /**
     * `-1` in one place stands for what is left. Layers write it for the batch, so that a graph that leaves for inference
     * takes any batch size.
     */
    reshape(a: Value, shape: readonly number[]): Value
    /** Broadcast to a shape. */
    expand(a: Value, shape: readonly number[]): Value
    /** Sums over axes, which stay with size 1 if `keepDims` (default: true). Default axes: all. */
    sum(a: Value, axes?: readonly number[], keepDims?: boolean): Value
    /** As {@link sum}. */
    mean(a: Value, axes?: readonly number[], keepDims?: boolean): Value
    /** As {@link sum}. */
    max(a: Value, axes?: readonly number[], keepDims?: boolean): Value
    /** As another element type; floats are cut off towards zero for integers. */
    cast(a: Value, dtype: DType): Value
    /** Along each axis named, from `starts` up to `ends` (exclusive) by `steps` (default: 1). */
    slice(a: Value, options: Record<'axes' | 'starts' | 'ends', readonly number[]> & { steps?: readonly number[] }): Value
    /** One behind the other along an axis, which may count from the end. */
    concat(values: readonly Value[], axis: number): Value
    /** Rows of a table `[n, classes]` with one `1` each, where `indexes` (int64, rank 1) points. */
    oneHot(indexes: Value, classes: number): Value
    /** The sum of `a` over what broadcasting repeated, so that it has `shape`: the gradient of a broadcast operand. */
    unbroadcast(a: Value, shape: readonly number[]): Value
  }

  /** The gradient of a value as a formula, see {@link GraphBuilder.withGradient}. */
  interface OwnGradient {
    readonly inputs: readonly Value[]
    /** Gives undefined where `needs` says that nobody asks. */
    readonly rule: (d: Value, needs: (index: number) => boolean) => readonly (Value | undefined)[]
  }

  /**
   * What a graph is lowered for. `cpu`: onnxruntime's CPU kernels, all of them. `portable`: only operators that WebGPU,
   * CUDA, wasm and TF.js have as well.
   */
  type Target = 'cpu' | 'portable'

  /** A call of an operator, with what its row asks of it. */
  interface OperatorCall {
    readonly op: string
    readonly inputs: readonly (Value | undefined)[]
    readonly attributes: Attributes
    readonly layer: string
    /** An input that must be there. Throws `graph.input`. */
    input(index: number): Value
    /** Whether an input is there: optional ones may be left out. */
    has(index: number): boolean
    /** An attribute that is a whole number, or what it is when it is missing. Throws `graph.attribute`. */
    int(name: string, missing: number): number
    /** An attribute of whole numbers. Throws `graph.attribute`. */
    ints(name: string, missing: readonly number[]): number[]
    /** An attribute that is a number. Throws `graph.attribute`. */
    float(name: string, missing: number): number
    /** An attribute that is a text. Throws `graph.attribute`. */
    text(name: string, missing: string): string
    /** The integers of an input that must be known while the graph is built; `missing` where there is none. Throws `graph.dynamic`. */
    known(index: number, what: string, missing?: readonly number[]): number[]
    /** An axis counted from the front. Throws `graph.shape`. */
    axis(axis: number, rank: number): number
    /** An error that names the layer and the operator: `graph.WHAT`. */
    refuse(what: string, message: string): AividaError
  }

  /** Attributes of a node, by name. */
  type Attributes = Readonly<Record<string, Attribute>>

  /** One operation of a graph. */
  interface GraphNode {
    readonly op: string
    readonly domain: string
    /** Absent inputs are undefined. */
    readonly inputs: readonly (Value | undefined)[]
    readonly attributes: Attributes
    readonly outputs: readonly Value[]
    /** The layer it was built for: what errors name. */
    readonly layer: string
  }

  /** Element type and shape of a value. Shapes are known in full while a graph is built: a step has one batch size. */
  interface TensorType {
    readonly dtype: DType
    readonly shape: readonly number[]
  }

  /** Something a graph computes or is given. Equal only to itself: names are for the file. */
  interface Value extends TensorType {
    readonly name: string
    /** Absent for inputs and constants. */
    readonly producer?: GraphNode
    /** The elements, where they are known already: shapes, axes and what follows from them. */
    readonly constant?: Tensor
  }

  /** A model that has a graph: what {@link readModel} gives. */
  type Model = ModelProto & { graph: GraphProto }

  /**
   * Reads an ONNX file. Weights are views into `bytes`, which must not change afterwards; fields this project doesn't
   * know are kept for {@link writeModel}.
   *
   * Throws `model.too-large`, `model.not-onnx` (also for other protobuf files, and for an empty one).
   */
  function readModel(bytes: Uint8Array): Model

  /** An attribute of a node. Numbers are ONNX integers; a float says so, because `1` and `1.0` are the same number here. */
  type Attribute = | number
  | bigint
  | string
  | readonly (number | bigint)[]
  | readonly string[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: Tensor }

  /** Bytes that can be read from anywhere: an open file, or memory. */
  interface ByteSource {
    /** What messages call it. */
    readonly name: string
    readonly sizeBytes: number
    /** `length` bytes from `at`, fewer when it ends before; they begin at a multiple of 8 if `at` does. */
    read(at: number, length: number): Promise<Uint8Array>
    /** Lets go of the file, if it is one. */
    close(): Promise<void>
  }

  /** Consecutive rows. */
  interface Batch {
    readonly firstRow: number
    readonly rows: number
    /** By graph input; axis 0 is `rows` long. */
    readonly tensors: NamedTensors
    /** What each row is called, where rows have names: the file of an image, relative to its folder. */
    readonly labels?: readonly string[]
  }

  /**
   * Columns of inputs that are not called as theirs: one name, or several whose values stand side by side in each row. A
   * name that ends with `*` means all that begin so, in the order of the file: `{ pixels: 'pixel*' }`.
   */
  type ColumnChoice = Readonly<Record<string, string | readonly string[]>>

  /** What a column holds in one split: an IDX file, or characters `from` to `to` of a UTF-8 text by the column's symbols. */
  type ColumnOrigin = | { readonly format: 'idx'; readonly file: string }
  | { readonly format: 'characters'; readonly file: string; readonly from: number; readonly to: number }

  /** A split of a data set, in memory. */
  interface Dataset {
    readonly manifest: DatasetManifest
    readonly split: string
    /** `[rows, ...shape]` for each column; what `openSource` takes. */
    readonly tensors: NamedTensors
    readonly table: RowTable
  }

  /** A file of a data set. */
  interface DatasetFile {
    /** SHA-256 of the file as it lies there. */
    readonly sha256: string
    readonly sizeBytes: number
    readonly compression?: 'gzip'
  }

  /**
   * A data set as data: what it is, where it comes from, under which licence, how its bytes are known, and what its rows
   * are. `openDataset` makes a table of it.
   */
  interface DatasetManifest {
    readonly name: string
    readonly title: string
    /** Who made it, and where that is told. */
    readonly origin: string
    /** Of the data; the package that carries it may have another. */
    readonly licence: string
    readonly source: DatasetPackage
    /** By name, below the folder of the source. */
    readonly files: Readonly<Record<string, DatasetFile>>
    readonly columns: readonly RowColumn[]
    readonly splits: Readonly<Record<string, DatasetSplit>>
  }

  /** Where the files of a data set come from: a package that a package manager fetches, with its exact version. */
  interface DatasetPackage {
    readonly manager: 'npm' | 'apt'
    readonly name: string
    readonly version: string
    /** Where its files lie: below the package for npm (`data`), on the machine for apt (`/usr/share/...`). */
    readonly folder: string
  }

  /** A part of a data set that is used for one purpose. */
  interface DatasetSplit {
    readonly rows: number
    /** By column. */
    readonly columns: Readonly<Record<string, ColumnOrigin>>
  }

  /** A dimension: a number, a name that stands for the same number wherever it appears, or `?` for any number. */
  type TensorDimension = number | string

  /**
   * A source as the bytes of a row file, in pieces: what makes rows that only stream - Arrow, Parquet, CSV, JSON, images -
   * a table to train from, of any size. A text source is read twice, since a row file begins with the number of its rows.
   * Throws `source.shape` for rows that differ in shape, `source.changed`, `rows.columns`, and what the source throws.
   */
  function encodeSource(source: Source, signal?: AbortSignal): AsyncGenerator<Uint8Array>

  /** How to open a {@link Dataset}. */
  interface OpenDatasetOptions {
    /** Where its files lie. Default: where the package of its source is installed. */
    readonly folder?: string
  }

  /**
   * Reads a split of a data set whose every byte is the one its manifest names. Throws `data.missing` and `data.hash`
   * (with the command that fetches it), `data.split`, `data.schema`, `source.malformed`, `rows.symbol`.
   */
  function openDataset(manifest: DatasetManifest, split: string, options?: OpenDatasetOptions): Promise<Dataset>

  /**
   * Opens rows for a graph: the path of an Arrow IPC file or stream, of a JSON lines, Parquet, CSV or JSON file, or of a
   * folder of images, an Arrow table, or tensors whose axis 0 is the rows. What is wrong with a whole column is said here, before any row is
   * computed; what is wrong with one row when it is reached.
   *
   * Throws `source.not-found`, `source.format`, `source.empty`, `source.column-missing`, `source.dtype`,
   * `source.shape`, `source.malformed`, `source.bad-line`, `source.bad-image`, `source.too-many`.
   */
  function openSource(input: string | Table | NamedTensors, options: SourceOptions): Promise<Source>

  /** Rows for a graph, in order, of which only a few batches are in memory at a time. */
  interface Source {
    readonly format: SourceFormat
    /** Rows in all; `undefined` for text (JSON lines, CSV, JSON), which would have to be read for it. */
    readonly rows: number | undefined
    readonly rowsPerBatch: number
    /** Changes when the data does, as far as sizes and modification times (in memory: content) tell. SHA-256. */
    readonly identity: string
    /**
     * Batches of `rowsPerBatch` rows (the last may be smaller) beginning with row `fromRow`. Reads ahead by the limit
     * `batchesAhead` and no further than they are taken. May be called again, to go on from another row.
     *
     * Throws `source.empty`, `source.dtype`, `source.shape`, `source.missing-value`, `source.not-finite`,
     * `source.bad-line`, `source.bad-image`, `source.malformed`, `aborted`.
     */
    batches(fromRow?: number, signal?: AbortSignal): AsyncGenerator<Batch, void, undefined>
    /** Lets go of what it reads from; batches that were given stay good. */
    close(): Promise<void>
  }

  /** What a source is read from: Arrow IPC, JSON lines, Parquet, CSV, JSON, a folder of images, or tensors in memory. */
  type SourceFormat = 'arrow' | 'jsonl' | 'parquet' | 'csv' | 'json' | 'images' | 'tensors'

  /** How to open a {@link Source}. */
  interface SourceOptions {
    /** The inputs of the graph that the source has to feed; each takes the column of its name. Axis 0 is the batch. */
    readonly inputs: readonly TensorSpec[]
    /** Default: what the graph fixes axis 0 to, else 32. */
    readonly rowsPerBatch?: number
    /** Default: told by the path. */
    readonly format?: SourceFormat
    /** For Parquet, CSV and JSON. Default: columns are called as the inputs. */
    readonly columns?: ColumnChoice
    /** Refuse NaN and infinities. Default: true. */
    readonly finite?: boolean
  }

  /** What a graph says of one of its inputs or outputs. */
  interface TensorSpec {
    readonly name: string
    readonly dtype: DType
    /** Axis 0 is the batch for inputs that data is fed to; absent when the graph doesn't tell the rank. */
    readonly shape?: readonly TensorDimension[]
  }

  /**
   * Writes rows to a row file, which training takes by its path: a table, or a source - so that Parquet, CSV, JSON, Arrow
   * and folders of images of any size can be trained on. The file is there whole or not at all. Throws what
   * {@link encodeSource} throws, and errors of the disk.
   */
  function writeRows(path: string, rows: RowTable | Source, signal?: AbortSignal): Promise<void>

  /** An element type; its value in {@link DTYPES} is the bytes an element takes (0: `string`, which varies). */
  type DType = 'bfloat16' | 'bool' | 'float16' | 'float32' | 'float64' | 'int16' | 'int32' | 'int64' | 'int8' | 'string' | 'uint16' | 'uint32' | 'uint64' | 'uint8'

  /** Tensors by the names a graph gives its inputs or outputs. */
  type NamedTensors = Readonly<Record<string, Tensor>>

  /**
   * A dense row-major tensor as it lies in memory and on the wire: little-endian element bytes, not copied when it is
   * sent, received or handed to an engine. A `string` tensor holds `u32 length, UTF-8 bytes` per element.
   */
  interface Tensor {
    readonly dtype: DType
    readonly shape: readonly number[]
    /** Exactly `elements x DTYPES[dtype]` bytes (any number for `string`). */
    readonly data: Uint8Array
  }

  /** The numbers of a tensor: `bool` as bytes, `bfloat16` as its 16-bit words, 64-bit integers as bigint. */
  type TensorArray = | Float32Array
  | Float64Array
  | Float16Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

  /**
   * A tensor over the memory of `values`, which are not copied (strings are encoded). `dtype` is told by the array's
   * class; give it for `bool` (of a Uint8Array), `bfloat16` and `float16` (of a Uint16Array of words).
   * Default shape: `[values.length]`. Throws `tensor.dtype`, `tensor.shape`, `tensor.size`, `tensor.content`.
   */
  function tensorOf(values: TensorArray | readonly string[], shape?: readonly number[], dtype?: DType): Tensor

  /**
   * The elements of a tensor as numbers, over the same memory; copied only when the bytes begin where an element of this
   * size may not (a copy by constructor: `slice` of a Buffer is a view). Throws `tensor.dtype` for strings ({@link stringsOf} reads those).
   */
  function typedArrayOf(tensor: Tensor): TensorArray

  /**
   * A node's typed client. Every method throws what the node threw (told apart by `code`), `node.not-running` when there
   * is none, and `control.*` when the connection fails.
   */
  interface Client extends AsyncDisposable {
    /** Where the node listens. */
    readonly socketPath: string
    /** The node itself. */
    info(options?: RequestOptions): Promise<NodeInfo>
    /** Runs a model over the rows of a file, a folder or a table. Resolves once the job is accepted. */
    infer(request: InferRequest, options?: RequestOptions): Promise<JobHandle>
    /**
     * Builds a training and submits it. Resolves once it is accepted. Throws `graph.*` in words that name the layer,
     * `train.*` for rows that do not fit the step. `script`: the file that it was written in, for the job's record.
     */
    train(training: Training, options?: RequestOptions & { readonly script?: TrainRequest['script'] }): Promise<TrainingHandle>
    /**
     * Makes the trials of a sweep and submits it. Resolves once it is accepted. Throws `sweep.*`, which names the parameters of
     * a trial that cannot be made, `train.metric` for a metric that the evaluation does not give.
     */
    sweep(sweep: Sweep, options?: RequestOptions): Promise<SweepHandle>
    /** Submits a job. Resolves once it is accepted. Relative paths are taken from this process's folder. */
    submit(request: JobRequest, options?: RequestOptions): Promise<JobHandle>
    /** A handle of a job, whether or not it exists. */
    job(id: string): JobHandle
    /** Every job the node knows, newest first. */
    jobs(options?: RequestOptions): Promise<JobStatus[]>
    /**
     * Goes on, on this node, with a job of another node of the same account. Throws `adopt.*`
     * (`adopt.coordinator-alive` while that node is here, unless forced), `job.ended`,
     * `job.output-exists`, `source.*`.
     */
    adopt(id: string, request?: AdoptJobRequest, options?: RequestOptions): Promise<JobHandle>
    /** Jobs of other nodes that this node's account may read, as far as those are here: `client.job(ID)` opens one. */
    shared(options?: RequestOptions): Promise<JobStatus[]>
    /** Jobs of other nodes of this account that could be adopted here. */
    followed(options?: RequestOptions): Promise<FollowedView[]>
    /** Sends a table to the node, for use as an input. Throws `request.too-large`, `data.full`. */
    upload(table: Table | Uint8Array, options?: RequestOptions): Promise<SourceSpec>
    /** Has the node bring data here - an absolute path, or an http(s) address - and keep them. Resolves at once. */
    addData(request: AddDataRequest, options?: RequestOptions): Promise<DataEntry>
    /**
     * Has the node keep bytes as data of this name; resolves when they are here and their hash is known. They are written straight
     * into a file of the node where this process sees it, and sent otherwise. Throws `data.*`, `disk.*`, `blob.quota`, `aborted`.
     */
    putData(request: PutDataRequest, pieces: AsyncIterable<Uint8Array>, options?: RequestOptions): Promise<DataEntry>
    /** Data that the node keeps, is bringing, or failed to bring. */
    data(options?: RequestOptions): Promise<DataEntry[]>
    /** Lets data go, or calls their arrival off. Throws `data.unknown`. */
    removeData(name: string, options?: RequestOptions): Promise<void>
    /** Everything that happens on the node, its present state first; survives a broken connection (see {@link follow}). */
    events(options?: FollowOptions): AsyncGenerator<NodeEvent, void, void>
    /** The nodes this one is connected to, and itself. */
    peers(options?: RequestOptions): Promise<PeerView[]>
    /** Members of the cluster. */
    members(options?: RequestOptions): Promise<MemberView[]>
    /** Makes a ticket that others join with. Throws `charter.not-admin`. */
    invite(request?: InviteRequest, options?: RequestOptions): Promise<Invite>
    /** Names where members find the cluster. Throws `charter.not-admin`, `seeds.address`. */
    setSeeds(addresses: readonly string[], options?: RequestOptions): Promise<void>
    /** Puts a member out of the cluster. Throws `charter.not-admin`, `member.unknown`. */
    remove(peer: string, reason?: string, options?: RequestOptions): Promise<void>
    /** Nodes that wait for approval. */
    pending(options?: RequestOptions): Promise<PendingView[]>
    /** Admits a waiting node. Throws `charter.not-admin`, `member.unknown`. */
    approve(peer: string, options?: RequestOptions): Promise<void>
    /** Leaves the cluster; the node stops. */
    leave(options?: RequestOptions): Promise<void>
    /** Takes nothing new and ends what runs. */
    drain(options?: RequestOptions): Promise<void>
    /** Drains, then stops the node. */
    stop(options?: RequestOptions): Promise<void>
    /** Waits for calls in progress and closes the connection. A client that is not closed keeps no process alive. */
    close(): Promise<void>
    /** Closes it at the end of an `await using`. */
    [Symbol.asyncDispose](): Promise<void>
  }

  /** Batch inference as a script asks for it: paths are relative to its own folder, and the input may be a table. */
  type InferRequest = Omit<Extract<JobRequest, { program: 'infer' }>, 'program' | 'input'> & {
    /** Rows: the path of a file or a folder, the same with its format, or an Arrow table in memory. */
    readonly input: string | SourceSpec | Table
  }

  /** What a call may be given. */
  interface RequestOptions {
    /** Gives the waiting up when it fires: the call rejects with `aborted`, and what was asked for may have been done. */
    readonly signal?: AbortSignal | undefined
  }

  /** Which events to follow, from where, and until when. */
  interface FollowOptions {
    /** Go on after this `seq`. Default: a snapshot of the present state comes first. */
    readonly after?: number | undefined
    /** Only what concerns this job. */
    readonly job?: string | undefined
    /** Only events of this type, and gaps. */
    readonly type?: NodeEvent['type'] | undefined
    /** Ends the iteration, without an error. */
    readonly signal?: AbortSignal | undefined
  }

  /** What {@link JobHandle.done} may be given. */
  interface DoneOptions extends RequestOptions {
    /** Hears of every state on the way. */
    readonly onStatus?: (status: JobStatus) => void
  }

  /** What {@link JobHandle.fetch} may be given. */
  interface FetchOptions extends RequestOptions {
    /** Hears how much is there, every few seconds. */
    readonly onProgress?: (fetched: FetchedFiles) => void
  }

  /** One job of a node, from a client's side. It holds nothing but the id: a handle can be made anew at any time. */
  interface JobHandle {
    readonly id: string
    /** Where the job stands. Throws `job.unknown`. */
    status(options?: RequestOptions): Promise<JobStatus>
    /** Its events from now on, its present state first, until it has ended. Throws `job.unknown`. */
    events(options?: RequestOptions & Pick<FollowOptions, 'type'>): AsyncGenerator<NodeEvent, void, void>
    /** Resolves when the job is done. Rejects with what it failed of, with `job.cancelled`, or with `aborted`. */
    done(options?: DoneOptions): Promise<JobStatus>
    /** Finished parts of the result so far: files that can be read while the job still runs. */
    parts(options?: RequestOptions): Promise<ResultPart[]>
    /**
     * Brings the result of another node's job to this node: parts so far and, once it has ended, its model and states. Resolves with
     * where they are when all are there; of a job of this node at once. Throws `job.unknown`, `share.*`, `blob.*`, `disk.*`.
     */
    fetch(options?: FetchOptions): Promise<FetchedFiles>
    /**
     * The whole result as one table in memory, once the job is done; a larger one is better read part by part.
     * Rejects as {@link done} does, and with `result.*`.
     */
    result(options?: RequestOptions): Promise<Table>
    /** How it has gone so far. Throws `job.unknown`, `record.none`. */
    record(options?: RequestOptions): Promise<JobRecordDocument>
    /**
     * The training as one file, a tar archive, that `replay` does again on any machine; `data`: whether its rows come along,
     * by default they do. Throws `job.unknown`, `bundle.not-a-training`, `bundle.gone`.
     */
    bundle(options?: RequestOptions & { readonly data?: boolean }): Promise<AsyncIterable<Uint8Array>>
    /**
     * Lets it have so many workers at once from now on, more or fewer; those beyond them end what they were given. Throws
     * `job.ended`, `scale.single` for a training on one worker, `scale.workers` for more or fewer than it can have.
     */
    scale(settings: { readonly workers: number }, options?: RequestOptions): Promise<JobStatus>
    /**
     * Lets the nodes of an account (`ac_...`) read it: status, record, results and model, and nothing else. Survives restarts of the
     * node. Throws `share.read-only`, `share.own`, `share.too-many`, `job.adopted`.
     */
    share(account: string, options?: RequestOptions): Promise<JobStatus>
    /** Lets them read it no longer. What they have fetched stays theirs. Throws as {@link share} does. */
    unshare(account: string, options?: RequestOptions): Promise<JobStatus>
    /** Stops the job; one that has ended is left as it is. Answers with its state afterwards. */
    cancel(reason?: string, options?: RequestOptions): Promise<JobStatus>
  }

  /** See {@link addDataSchema}. */
  type AddDataRequest = {
    /** An absolute path, or an http or https address, which may be signed. */
    source: string
    /** Default: the file's. */
    name?: string | undefined
    /** Ms; absent: until it is removed. */
    keepMs?: number | undefined
    /** What the bytes must hash to. */
    sha256?: string | undefined
  }

  /** See {@link dataEntrySchema}. */
  type DataEntry = {
    name: string
    /** Where it came from; never the signed part of an address. */
    source: string
    state: 'arriving' | 'failed' | 'here'
    receivedBytes: number
    addedWallMs: number
    sizeBytes?: number | undefined
    /** The blob that it is: equal bytes, equal blob. */
    blob?: string | undefined
    /** Where it can be read, by jobs too. Not to be written to. */
    path?: string | undefined
    /** When it is let go; absent: never. */
    untilWallMs?: number | undefined
    /** Why it failed. */
    error?: {
      code: string
      category: 'aborted' | 'config' | 'internal' | 'peer' | 'platform' | 'timeout' | 'user'
      message: string
      retryable: boolean
      facts: {
        [key: string]: unknown
      }
    } | undefined
  }

  /** Bytes that a client sends, what they are called, and how long they are kept. */
  type PutDataRequest = Pick<AddDataRequest, 'keepMs'> & {
    /** What they are called; a name that other bytes have is taken. */
    readonly name: string
  }

  /** See {@link adoptRequestSchema}. */
  type AdoptJobRequest = {
    /** Where the input is; by default where the job read it before. */
    input?: SourceSpec | undefined
    /** Folder for the result; by default one in the node's data folder. */
    outputDir?: string | undefined
    /** Take the job over even from a coordinator that is alive. */
    force?: boolean | undefined
  }

  /** See {@link followedViewSchema}. */
  type FollowedView = {
    job: string
    name: string
    /** The node that coordinates it. */
    from: string
    parts: number
    rows: number
    /** Entries of the journal that are here. */
    entries: number
    ended: boolean
    account?: string | undefined
    /** Whether that node is here, and its name. Absent from older nodes. */
    coordinator?: {
      state: 'alive' | 'gone' | 'suspect'
      name: string
    } | undefined
  }

  /** See {@link inviteSchema}. */
  type Invite = {
    ticket: string
    uses: number
    expiresWallMs: number
    role: string
  }

  /** See {@link inviteRequestSchema}; defaults may be left out. */
  type InviteRequest = {
    /** How many nodes may join with it. */
    uses?: number | undefined
    /** How long it is good for, ms. */
    expiresMs?: number | undefined
    /** What its holders become. */
    role?: 'member' | 'submitter' | 'worker' | undefined
  }

  /** See {@link memberViewSchema}. */
  type MemberView = {
    peer: string
    name: string
    role: string
    present: boolean
    account?: string | undefined
  }

  /** See {@link nodeInfoSchema}. */
  type NodeInfo = {
    peer: string
    name: string
    cluster: {
      id: string
      name: string
    }
    role: string
    /** The software's version. */
    version: string
    pid: number
    startedWallMs: number
    addresses: string[]
    /** What the operator should know, in words: "UDP unavailable: TCP only". */
    warnings: string[]
    devices: {
      id: string
      provider: 'cpu' | 'cuda' | 'wasm' | 'webgpu'
      model: string
      slots: number
      /** Memory that one slot may use. */
      memoryBytes: number
      determinismClass: string
      exact: boolean
      sandboxLevel: number
      kinds: ('infer' | 'map' | 'probe' | 'reduce' | 'train')[]
      tier?: string | undefined
    }[]
    network: {
      /** Members this node has a connection to. */
      connected: number
      /** Members that are about: connected, or heard of through others lately. */
      reachable: number
      /** Other members by charter and roster, whether or not they are about. */
      known: number
      /** Members that did not say goodbye and cannot be reached through anybody; at most 64 are named. */
      missing: {
        peer: string
        name: string
        sinceWallMs: number
      }[]
      /** Where this node looks for the swarm when it starts or is alone, in the order tried. */
      seeds: {
        address: string
        source: 'cached' | 'charter' | 'config' | 'ticket'
        /** Why the last try failed; absent when it did not, or none was made. */
        lastError?: {
          code: string
          message: string
        } | undefined
        /** When it was last tried, and last reached. */
        triedWallMs?: number | undefined
        reachedWallMs?: number | undefined
      }[]
      /** The carrier of most connections; absent while there are none. `tcp` means that UDP does not get through. */
      carrier?: 'memory' | 'quic' | 'tcp' | undefined
      /** Present while this node seems to be cut off. */
      island?: {
        kind: 'alone' | 'minority'
        sinceWallMs: number
        /** One plain sentence: since when, who was tried and why it failed, what to do. */
        message: string
      } | undefined
      /** Median over peers of our clock minus theirs, ms: positive when ours is ahead. Absent until it was measured. */
      clockSkewMs?: number | undefined
    }
    disk: {
      usedBytes: number
      budgetBytes: number
      freeBytes: number
    }
    dataDir: string
    /** What the node's process uses, as of the last two seconds: share of a core, memory, event loop delay. */
    load: {
      cpu: number
      rssBytes: number
      loopDelayP99Ms: number
    }
    /** Addresses whose strangers misbehaved lately, and how. */
    strangers: {
      code: string
      message: string
      count: number
      lastWallMs: number
      host: string
      /** It is kept out until then; absent when it is not. */
      gatedUntilWallMs?: number | undefined
    }[]
    /** Whether new jobs and leases are taken; `false` while draining. */
    accepting: boolean
    account?: string | undefined
    /** Journals read again in the background since the start, and how many of them are damaged: `warnings` says where. */
    logs?: {
      scrubbedBytes: number
      damaged: number
    } | undefined
  }

  /** See {@link pendingViewSchema}. */
  type PendingView = {
    peer: string
    name: string
    askedWallMs: number
  }

  /** See {@link fetchedFilesSchema}. */
  type FetchedFiles = {
    /** Where. */
    folder: string
    /** All that there was when fetching began. */
    isWhole: boolean
    files: {
      done: number
      total: number
    }
    bytes: {
      done: number
      total: number
    }
  }

  /** A {@link SweepDefinition} that was looked over: what a file for `aivida sweep` exports as its default. */
  interface Sweep {
    readonly kind: 'aivida.sweep'
    /** What trials are called after, in their order. */
    readonly trials: readonly Readonly<Record<string, TrialParameter>>[]
    readonly definition: Omit<SweepDefinition, 'train'> & {
      readonly train: (parameters: Readonly<Record<string, TrialParameter>>) => Training
    }
  }

  /** What is tried, and by what the best is told. */
  interface SweepDefinition<S extends Space = Space> {
    /** The parameters that trials differ in. */
    readonly space: S
    /** The training of one trial. It has a validation; where it runs is the sweep's to say. */
    readonly train: (parameters: ParametersOf<S>) => Training
    /** Default: `grid()`. */
    readonly strategy?: Search
    /** An output of the evaluation. Default: `loss`. */
    readonly metric?: string
    /** Which way is better. Default: `min` of `loss`; any other metric has none. */
    readonly goal?: SweepRequest['goal']
    /** What it may take at most. */
    readonly budget?: {
      /** Steps of all trials together. */
      readonly steps?: number
      readonly minutes?: number
    }
    /** What the devices of its trials must have. Default: nothing. */
    readonly requirements?: Requirements
    /** What lists and reports call it. */
    readonly name?: string
    /** Folder for metrics, the table of trials and the best state. Default: one in the node's data folder. */
    readonly outputDir?: string
  }

  /**
   * Defines a sweep. Throws `sweep.option` for an option that there is none of, is missing or of another kind,
   * `sweep.parameter` for a parameter whose name is a column of the table, `sweep.goal` for a metric without a goal, and what
   * {@link configurations} throws: `sweep.empty-space`, `sweep.continuous`, `sweep.too-many-trials`, `sweep.trials`.
   */
  function sweep<const S extends Space>(definition: SweepDefinition<S>): Sweep

  /**
   * ASHA (Li et al. 2020): configurations by chance, none twice, are trained for a little; the best of them, one in `eta`, for
   * `eta` times as long, and so on to the end of their trainings. `trials`: how many; by default all of a finite space.
   * `minSteps`: steps that each has at least; by default as many as make four rungs. Throws `sweep.option`.
   */
  function asha(options?: {
    readonly trials?: number
    readonly seed?: number
    readonly eta?: number
    readonly minSteps?: number
  }): Search

  /** Every configuration, each to its end. */
  function grid(): Search

  /** Configurations by chance, each to its end: of a finite space none twice. Throws `sweep.option`. */
  function random(options: { readonly trials: number; readonly seed?: number }): Search

  /** Which configurations of a space are tried, and how far each is taken. */
  type Search = | { readonly kind: 'grid' }
  | { readonly kind: 'random'; readonly trials: number; readonly seed: number }
  | {
      readonly kind: 'asha'
      readonly trials: number | undefined
      readonly seed: number
      readonly eta: number
      readonly minSteps: number | undefined
    }

  /** One of some values: numbers, texts, booleans. Throws `sweep.dimension` when there is none, or one twice. */
  function choice<const T extends TrialParameter>(values: readonly T[]): Dimension<T>

  /** Which values a parameter may have. */
  interface Dimension<T extends TrialParameter = TrialParameter> {
    readonly kind: 'aivida.dimension'
    /** How it was written, for errors. */
    readonly text: string
    /** All of its values, in order; `undefined` of a continuous one. */
    readonly values: readonly T[] | undefined
    /** The value at a share of the way through it, from [0, 1): shares drawn evenly give values by its own distribution. */
    at(share: number): T
  }

  /** A whole number from `low` to `high`, both of them among it. Throws `sweep.dimension`. */
  function integer(low: number, high: number): Dimension<number>

  /** A number between two above 0, each order of magnitude as likely: for rates and penalties. Throws `sweep.dimension`. */
  function logUniform(low: number, high: number): Dimension<number>

  /** What the training of a trial is given. */
  type ParametersOf<S extends Space> = {
    readonly [Name in keyof S]: S[Name] extends Dimension<infer T> ? T : never
  }

  /** Parameters by name. */
  type Space = Readonly<Record<string, Dimension>>

  /** A number between two, each as likely: `low` is one, `high` is none. Throws `sweep.dimension`. */
  function uniform(low: number, high: number): Dimension<number>

  /** A trial among the others, once the sweep has ended. */
  interface RankedTrial {
    readonly trial: number
    readonly parameters: Readonly<Record<string, TrialParameter>>
    /** The best value of the sweep's metric. */
    readonly value: number
    /** Its step. */
    readonly step: number
  }

  /** Something that happened in a sweep: a trial has come to a checkpoint, or the sweep as a whole has moved. */
  type SweepEvent = | ({
      readonly type: 'trial'
      readonly trial: number
      readonly parameters: Readonly<Record<string, TrialParameter>>
    } & Checkpoint)
  | ({ readonly type: 'sweep' } & SweepView)

  /** A sweep on its way, from a client's side, with what its trials are made of. */
  interface SweepHandle {
    readonly job: JobHandle
    readonly sweep: Sweep
    /** The job's id. */
    readonly id: string
    /** How it goes on, until it has ended. */
    events(options?: RequestOptions): AsyncGenerator<SweepEvent, void, void>
    /** Resolves when it is done. Rejects with what it failed of: what all of its trials did. */
    done(options?: RequestOptions): Promise<JobStatus>
    /**
     * A row each trial, in their order, once it has ended, however it did: `trial`, `rank` (1 is the best), its parameters,
     * `state` (`done`, `stopped`, `failed`, `waiting`), `steps`, `bestStep`, `validation.NAME` of its best checkpoint, `error`.
     * Throws `sweep.no-table` before.
     */
    table(options?: RequestOptions): Promise<Table>
    /** The best trial, once it has ended, however it did. Throws `sweep.no-table`, `sweep.no-trial` when none was measured. */
    best(options?: RequestOptions): Promise<RankedTrial>
    /** The best trial's state. Throws as {@link best} does. */
    state(options?: RequestOptions): Promise<NamedTensors>
    /** The best trial's model as an ONNX file for inference, batches of any size. Throws as {@link best} does. */
    model(options?: RequestOptions): Promise<Uint8Array>
  }

  /**
   * Rows to learn from: a table, tensors whose axis 0 is the rows, or a path - of a row file, or of what `openSource` opens (CSV,
   * Parquet, JSON, Arrow, a folder of images), which is made one first. Columns are called as the step's inputs.
   */
  type TrainingData = RowTable | NamedTensors | string

  /** What is trained, on what, how, and for how long. */
  interface TrainingDefinition extends TrainingInit, RoundsDefinition {
    /** What is learned from. */
    readonly data: TrainingData
    /** Rows that are not learned from, or which share of `data`, its last rows, is set aside. Default: no evaluation. */
    readonly validation?: TrainingData | { readonly share: number }
    /** The length of a step, or how it changes on the way. */
    readonly learningRate: TrainingRate
    /** How long: passes over the rows, or steps; one of the two. Of several workers, steps are those of all together. */
    readonly epochs?: number
    /** See `epochs`: the other way to say how long. */
    readonly steps?: number
    /** Steps from one evaluation to the next. Default: those of an epoch. */
    readonly evaluateEvery?: number
    /** Which evaluation is the best, and after how many that are no better it ends. Default: the least loss, and none. */
    readonly select?: Partial<Selection>
    /** A checkpoint to begin with, a `.safetensors` file of the same model. Default: fresh parameters, by the seed. */
    readonly from?: string
    /** Steps that a worker is given at once: what a lost one costs at most, and how often there is a checkpoint. Default: 500. */
    readonly stepsPerShard?: number
    /** Steps between two hashes of the state, by which what a worker did can be told. Default: 100. */
    readonly commitEvery?: number
    /** What devices must have. Default: nothing. */
    readonly requirements?: Requirements
    /** What lists and reports call it. */
    readonly name?: string
    /** Folder for metrics and checkpoints. Default: one in the node's data folder. */
    readonly outputDir?: string
  }

  /** A learning rate: a number that stays, or a schedule. A cosine without an end ends with the training. */
  type TrainingRate = number | LearningRate | Omit<Extract<LearningRate, { kind: 'cosine' }>, 'totalSteps'>

  /** What can be chosen about {@link diloco}; what is left out has a default for the kind of model. */
  interface DilocoOptions {
    /**
     * Steps that each member makes by itself from one round to the next: H. More are fewer bytes and a larger gap to training in
     * one place. Where members differ in speed, those of the average one. Default: 4 to 32.
     */
    readonly localSteps?: number
    /** Default: `q2` both ways. */
    readonly compression?: UpdateCompressions
    /** SGD with Nesterov momentum on the mean of what the members learned. Default: rate 1, momentum 0 to 0.5. */
    readonly outer?: { readonly rate?: number; readonly momentum: number }
  }

  /**
   * DiLoCo (Douillard et al. 2023, arXiv 2311.08105): each member makes `localSteps` steps by itself; what it came to, as a
   * pseudo-gradient, is compressed and averaged with the others', and all take an outer step along the mean. At 4 members the
   * defaults move some hundred times fewer bytes than averaging every gradient, and end 2 to 3 % above its loss after a
   * training of usual length (bench/README.md). Throws `train.option`.
   */
  function diloco(options?: DilocoOptions): TrainingSync

  /** What can be chosen about {@link gradients}. */
  interface GradientsOptions {
    /** Default: `f32` both ways, which is exact. */
    readonly compression?: UpdateCompressions
  }

  /**
   * Synchronous data parallel: the gradients of every step are averaged, as if one machine had the members' batches as one
   * large batch. Nothing is lost but to compression, and every step waits for the network. Throws `train.option`.
   */
  function gradients(options?: GradientsOptions): TrainingSync

  /**
   * The middle value of each coordinate: survives anything that fewer than half of the members send (Yin et al. 2018), and learns
   * less from the others than {@link trimmedMean}.
   */
  function median(): Aggregation

  /** What a training over several workers can say beside {@link TrainingDefinition.workers}. */
  interface RoundsDefinition {
    /**
     * Several workers train one model together: so many, or from `min`, with which it begins, to `max`. It waits until they are
     * there; later it goes on with those that are left, and takes in who comes, up to `max`. `steps`, `epochs`, `evaluateEvery`
     * and learning rates then count batches of `batchSize`, whoever learns from them. Default: one worker, step by step.
     */
    readonly workers?: number | { readonly min: number; readonly max: number }
    /**
     * How they are kept together: {@link diloco}, for links as slow as a home's; {@link gradients}, for fast ones; or `auto`,
     * which measures links and steps first, picks, and says why. Default: `auto`.
     */
    readonly sync?: 'auto' | TrainingSync
    /**
     * How their updates become one. The mean learns most, and one member that sends garbage ruins it; {@link trimmedMean} and
     * {@link median} survive some. Default: `mean`.
     */
    readonly aggregation?: 'mean' | Aggregation
    /**
     * What becomes of an update that comes after its round was closed: its samples are given back to be learned from again
     * (`return`), or it counts in the round in which it comes, weighing `factor` times as much for each round that it is late,
     * `maxAge` rounds at most. Default: `return`.
     */
    readonly late?: 'return' | { readonly factor: number; readonly maxAge: number }
    /** Whether a fast member has more samples of a round than a slow one. Default: `speed`. */
    readonly balance?: 'speed' | 'equal'
    /**
     * A round is closed without those who are not done after `factor` times its expected duration, and `leastMs` at least.
     * Default: 3 and 2,000.
     */
    readonly deadline?: { readonly factor?: number; readonly leastMs?: number }
    /** The optimiser state of a member that takes another's place: that one's last, or none. Default: `committed`. */
    readonly replacement?: 'committed' | 'zero'
    /** Rounds from one checkpoint, which newcomers begin with, to the next. Default: 16. */
    readonly snapshotEvery?: number
  }

  /** How the members of a training are kept together: what {@link diloco} and {@link gradients} give. */
  interface TrainingSync {
    readonly sync: 'diloco' | 'gradients'
    readonly recipe: Partial<RoundRecipe>
  }

  /**
   * The mean of each coordinate without its `trim` largest and `trim` smallest values: survives up to `trim` members that send
   * anything at all (Yin et al. 2018). Needs more than twice as many members. Throws `train.option`.
   */
  function trimmedMean(trim: number): Aggregation

  /**
   * How the members' updates are made small for their way: `f32` not at all, `i8` and `i4` whole numbers of 8 and 4 bits,
   * `q2` four levels (2.1 bits), `s1` signs (1.1 bits), `ec` whole steps in as many bits as they are rare (1.1 bits by default,
   * fewer with a larger `step`; about as good as `q2`), or the largest `share` of them alone (`topk`). What is lost is kept
   * and added to the next update (error feedback). One for both ways, or one for the way up to who aggregates and one for the
   * way back down to all.
   */
  type UpdateCompression = | 'ec' | 'f32' | 'i4' | 'i8' | 'q2' | 's1'
  | { readonly kind: 'ec' | 'f32' | 'i4' | 'i8' | 'q2' | 's1'; readonly block?: number }
  | { readonly kind: 'ec'; readonly block?: number; readonly step: number }
  | { readonly kind: 'topk'; readonly share: number }

  /** See {@link UpdateCompression}. */
  type UpdateCompressions = | UpdateCompression
  | { readonly up?: UpdateCompression; readonly down?: UpdateCompression }

  /** A {@link TrainingDefinition} that was looked over: what a file for `aivida train` exports as its default. */
  interface Training {
    readonly kind: 'aivida.training'
    readonly definition: TrainingDefinition
  }

  /**
   * Defines a training. Throws `train.option` for an option that there is none of, is missing, of another kind or does not
   * go with another, `train.length` when it does not say how long, `train.share` for a share that leaves nothing to learn from or to measure on.
   */
  function training(definition: TrainingDefinition): Training

  /**
   * Something that happened in a training: a worker made steps, a checkpoint is durable, and, with several workers, a round
   * was closed, or it is others that take part or that it waits for. Of several workers, `steps` has the worker's own.
   */
  type TrainingEvent = | ({ readonly type: 'steps'; readonly worker: string } & TrainingProgress)
  | ({ readonly type: 'checkpoint' } & Checkpoint)
  | ({ readonly type: 'round' } & TrainingRound)
  | ({ readonly type: 'members' } & TrainingMembers)

  /** A training on its way, from a client's side, with the step that it was made of. */
  interface TrainingHandle {
    readonly job: JobHandle
    readonly step: TrainingStep
    /** The job's id. */
    readonly id: string
    /**
     * How it goes on, until it has ended: the last of the steps some times a second, each round, each checkpoint, and who takes
     * part whenever that changes.
     */
    events(options?: RequestOptions): AsyncGenerator<TrainingEvent, void, void>
    /** Resolves when it is done. Rejects with what it failed of: `train.diverged` names the step. */
    done(options?: RequestOptions): Promise<void>
    /** What it has come to so far, in order. */
    checkpoints(options?: RequestOptions): Promise<Checkpoint[]>
    /** The rounds of several workers so far, in order. */
    rounds(options?: RequestOptions): Promise<TrainingRound[]>
    /**
     * The best state, or the last, once it has ended, however it did. Without an evaluation the last one is the best.
     * Throws `train.no-state` when it has come to none.
     */
    state(which?: 'best' | 'last', options?: RequestOptions): Promise<NamedTensors>
    /** The trained model as an ONNX file for inference, batches of any size. Rejects as {@link state} does. */
    model(which?: 'best' | 'last', options?: RequestOptions): Promise<Uint8Array>
  }

  /** Who takes part in the rounds of a training. */
  interface TrainingMembers extends Pick<RoundsView, 'waits' | 'sync'>, Pick<JobStatus, 'refusals'> {
    /** Of the round that is open; none between two. */
    readonly members: readonly NamedPeer[]
  }

  /** A worker that takes part; its name is empty where it is not known. */
  interface NamedPeer {
    readonly peer: string
    readonly name: string
  }

  /** A member whose update counted in a round. */
  interface RoundMember extends NamedPeer {
    /** That it learned from. */
    readonly batches: number
    /** Inside its engine, milliseconds. */
    readonly computeMs: number
    /** Rounds that its update came late: 0 but for those that the rule for late ones let count. */
    readonly late: number
  }

  /** A round that was closed. */
  interface TrainingRound {
    readonly round: number
    /** Batches of the training that counted before and in it, whoever learned from them. */
    readonly step: number
    readonly members: readonly RoundMember[]
    /** Who took part and did not count, and why: their samples are learned from later. */
    readonly excluded: readonly (NamedPeer & { readonly code: string; readonly message: string })[]
    /** Over all of its steps, by name: the mean. Empty where the file of its metrics is not there. */
    readonly metrics: Readonly<Record<string, number>>
    /** From when it was opened until it was closed. */
    readonly durationMs: number
    readonly rowsPerSecond: number
    /** Of one member's update, the largest, and of what all have back. */
    readonly bytes: { readonly up: number; readonly down: number }
  }

  /** See {@link aggregationSchema}. */
  type Aggregation = {
    rule: 'mean'
  } | {
    rule: 'median'
  } | {
    rule: 'trimmed-mean'
    trim: number
  }

  /** See {@link checkpointSchema}. */
  type Checkpoint = {
    /** Steps that led to it. */
    step: number
    /** A safetensors file. */
    state: {
      blob: string
      sizeBytes: number
    }
    /** What the evaluation gave, by name, where there was one; what is no number is left out. */
    validation?: {
      [key: string]: number
    } | undefined
    /** Of a training by rounds: before which round this is the shared state, what it is named, and which member has it. */
    shared?: {
      round: number
      lineage: string
      at: string
    } | undefined
  }

  /** See {@link jobRecordSchema}. */
  type JobRecordDocument = {
    job: string
    name: string
    state: 'adopted' | 'cancelled' | 'done' | 'failed' | 'running'
    createdWallMs: number
    /** As it was asked for. Its paths are those of the submitter's machine; in a bundle, names of its files. */
    request: SweepRequest | TrainRequest | {
      program: 'infer'
      /** An `.onnx` file on the submitting node's machine; external data beside it comes along. */
      model: string
      /** The rows. */
      input: SourceSpec
      /** Graph outputs to keep; all, when absent. */
      outputs: string[]
      /** Rows that a worker is given at once. Default: 8. */
      rowsPerShard: number
      /** What devices must have. Default: nothing. */
      requirements: Requirements
      /** Refuse NaN and infinities in the input. */
      finite: boolean
      /** Folder for the Arrow parts. Default: `results/<job>` in the node's data folder. */
      outputDir?: string | undefined
      /** Rows of one file of the result: as many whole shards as fit, at least one. Default: one shard. */
      rowsPerPart?: number | undefined
      /** Shards leased at once, copies included: a job that is to leave room for others asks for fewer. Default: no other bound. */
      maxShardsInFlight?: number | undefined
      /** What lists and reports call it. */
      name?: string | undefined
    }
    model: {
      graph: {
        blob: string
        sizeBytes: number
      }
      weights: {
        blob: string
        sizeBytes: number
        name: string
      }[]
    }
    workers: {
      name: string
      rows: number
      peer: string
      shards: number
      computeMs: number
    }[]
    /** Through the submitter. */
    bytes: {
      sent: number
      received: number
    }
    /** Of a training by rounds: those that were opened, by number. */
    rounds: {
      round: number
      recipe: RoundRecipe
      aggregation: Aggregation
      /** The shared state that it begins with. */
      lineage: string
      /** Batches that counted before: where the learning rate's schedule stands. */
      position: number
      slices: number[]
      /** In the order in which they are aggregated. */
      members: {
        peer: string
        /** Its shard. */
        shard: string
        batches: {
          from: number
          count: number
        }[]
        /** Steps of its optimiser before. */
        fromStep: number
        /** Its replica begins with the shared state before this round: its own, or that of the snapshot. */
        base: {
          round: number
          held: boolean
        }
        /** What it goes on from; absent: it begins. */
        inner?: {
          blob: string
          sizeBytes: number
        } | undefined
      }[]
      /** From when it was opened. */
      deadlineMs: number
    }[]
    /** By index; `file` is a name in the result's folder. */
    parts: ResultPart[]
    /** Of the submitter: its own version, Node's, and that of the protocol. Engines are named by the classes of the parts. */
    versions: {
      [key: string]: string
    }
    /** What it failed of. */
    failure?: {
      code: string
      message: string
    } | undefined
    finishedWallMs?: number | undefined
    training?: {
      /** What it begins with. */
      state: {
        blob: string
        sizeBytes: number
      }
      data: {
        /** A row file. */
        table: {
          blob: string
          sizeBytes: number
        }
        firstRow: number
        rows: number
      }
      /** In all. */
      steps: number
      /** Rows of one step. */
      batchSize: number
      frozen?: {
        blob: string
        sizeBytes: number
      } | undefined
      evaluation?: {
        /** Takes weights by the names of the step's state and frozen inputs, and a batch by the names of the table's columns. */
        model: {
          graph: {
            blob: string
            sizeBytes: number
          }
          weights: {
            blob: string
            sizeBytes: number
            name: string
          }[]
        }
        data: {
          /** A row file. */
          table: {
            blob: string
            sizeBytes: number
          }
          firstRow: number
          rows: number
        }
        /** Rows at once; a last batch of fewer rows is left out where the graph's batch has a fixed size. */
        batchSize: number
        everySteps: number
      } | undefined
      /** What the trained model is made from, with a state. */
      served?: {
        graph: {
          blob: string
          sizeBytes: number
        }
        weights: {
          blob: string
          sizeBytes: number
          name: string
        }[]
      } | undefined
      /** Of a training by rounds. */
      rounds?: {
        /** Elements of the flattened state; see `replicaSchema`. */
        length: number
        /** Statistics among them: the last ones. */
        plain: number
        /** Which recipe is good for it. Default: `other`. */
        kind?: 'other' | 'transformer' | undefined
        /** The step in two parts. */
        gradient?: {
          graph: {
            blob: string
            sizeBytes: number
          }
          weights: {
            blob: string
            sizeBytes: number
            name: string
          }[]
        } | undefined
        update?: {
          graph: {
            blob: string
            sizeBytes: number
          }
          weights: {
            blob: string
            sizeBytes: number
            name: string
          }[]
        } | undefined
      } | undefined
    } | undefined
  }

  /** A request as a client writes it (defaults may be left out). */
  type JobRequest = {
    program: 'infer'
    /** An `.onnx` file on the submitting node's machine; external data beside it comes along. */
    model: string
    /** The rows. */
    input: SourceSpec
    /** Folder for the Arrow parts. Default: `results/<job>` in the node's data folder. */
    outputDir?: string | undefined
    /** Graph outputs to keep; all, when absent. */
    outputs?: string[] | undefined
    /** Rows that a worker is given at once. Default: 8. */
    rowsPerShard?: number | undefined
    /** Rows of one file of the result: as many whole shards as fit, at least one. Default: one shard. */
    rowsPerPart?: number | undefined
    /** What devices must have. Default: nothing. */
    requirements?: Requirements | undefined
    /** Shards leased at once, copies included: a job that is to leave room for others asks for fewer. Default: no other bound. */
    maxShardsInFlight?: number | undefined
    /** Refuse NaN and infinities in the input. */
    finite?: boolean | undefined
    /** What lists and reports call it. */
    name?: string | undefined
  } | {
    program: 'sweep'
    /** What trials differ in, beside the learning rate; trials that differ in that alone share one. Each has an evaluation. */
    trainings: {
      /** What its state begins with: a safetensors file; the last or best checkpoint of another training is one. */
      state: string
      /** A training step: an `.onnx` file with a `StepSignature`, as `trainingStep` makes it. */
      model: string
      program: 'train'
      /** Columns by the names of the step's batch inputs. */
      data: {
        /** A row file. */
        path: string
        /** Default: 0. */
        firstRow?: number | undefined
        /** Default: all that follow. */
        rows?: number | undefined
      }
      /** How the length of steps changes. */
      learningRate: LearningRate
      /** Steps of one shard: what a worker that is lost costs at most, and how often there is a checkpoint. */
      stepsPerShard?: number | undefined
      /** Inputs that no step changes: a safetensors file. */
      frozen?: string | undefined
      /** Steps in all, or passes over the rows: one of the two. */
      steps?: number | undefined
      /** See `steps`. */
      epochs?: number | undefined
      /** Decides the order of the rows and every mask. */
      seed?: number | undefined
      /** Steps between two hashes of the state in a receipt. */
      commitEvery?: number | undefined
      /** What the state is measured with on the way. Default: it is not. */
      evaluation?: {
        /** An `.onnx` file that takes weights by the names of the step's state and gives scalars, such as `loss`. */
        model: string
        data: {
          /** A row file. */
          path: string
          /** Default: 0. */
          firstRow?: number | undefined
          /** Default: all that follow. */
          rows?: number | undefined
        }
        batchSize?: number | undefined
        /** Default: after each pass over the rows. */
        everySteps?: number | undefined
        select?: {
          /** An output of the evaluation. */
          metric?: string | undefined
          goal?: 'max' | 'min' | undefined
          /** By how much one has to be better to count as better. */
          minDelta?: number | undefined
          /** Evaluations in a row that may be no better; then the training ends. Default: it goes on to its last step. */
          patience?: number | undefined
        } | undefined
      } | undefined
      /** The model as it is used: an `.onnx` file with a `ModelSignature`. With it the node writes `model.onnx` in the end. */
      served?: string | undefined
      /** What it was written as, for the record of the job: a file that says what is trained. Nothing is made from it. */
      script?: {
        name: string
        text: string
      } | undefined
    }[]
    /** What is tried, in order. */
    trials: {
      /** By name; every trial of a sweep has the same names. */
      parameters: {
        [key: string]: boolean | number | string
      }
      /** Which of the sweep's trainings it is. */
      training: number
      learningRate: LearningRate
    }[]
    /** Which of them are begun, and how far each is taken. Default: each to its end. */
    strategy?: {
      kind: 'asha'
      /** One in so many goes on, and goes on for so many times as long. */
      eta: number
      /** Steps of a trial to its first rung, at least. */
      minSteps: number
    } | {
      kind: 'full'
    } | undefined
    /** An output of the evaluations, and which way is better. */
    metric?: string | undefined
    /** See `metric`. */
    goal?: 'max' | 'min' | undefined
    /** What it may take. Default: as much as it needs. */
    budget?: {
      /** Steps of all trials together. A trial that would need more is not begun, nor taken further. */
      steps?: number | undefined
      /** From its start; time in which its node did not run is not counted. Trials that are at work then are called off. */
      ms?: number | undefined
    } | undefined
    /** Folder for metrics, the table of trials and the best state. Default: `results/<job>` in the node's data folder. */
    outputDir?: string | undefined
    /** What devices must have. Default: nothing. */
    requirements?: Requirements | undefined
    /** What lists and reports call it. */
    name?: string | undefined
  } | {
    program: 'train'
    /** A training step: an `.onnx` file with a `StepSignature`, as `trainingStep` makes it. */
    model: string
    /** What its state begins with: a safetensors file; the last or best checkpoint of another training is one. */
    state: string
    /** Columns by the names of the step's batch inputs. */
    data: {
      /** A row file. */
      path: string
      /** Default: 0. */
      firstRow?: number | undefined
      /** Default: all that follow. */
      rows?: number | undefined
    }
    /** How the length of steps changes. */
    learningRate: LearningRate
    /** Inputs that no step changes: a safetensors file. */
    frozen?: string | undefined
    /** Steps in all, or passes over the rows: one of the two. */
    steps?: number | undefined
    /** See `steps`. */
    epochs?: number | undefined
    /** Decides the order of the rows and every mask. */
    seed?: number | undefined
    /** Steps of one shard: what a worker that is lost costs at most, and how often there is a checkpoint. */
    stepsPerShard?: number | undefined
    /** Steps between two hashes of the state in a receipt. */
    commitEvery?: number | undefined
    /** What the state is measured with on the way. Default: it is not. */
    evaluation?: {
      /** An `.onnx` file that takes weights by the names of the step's state and gives scalars, such as `loss`. */
      model: string
      data: {
        /** A row file. */
        path: string
        /** Default: 0. */
        firstRow?: number | undefined
        /** Default: all that follow. */
        rows?: number | undefined
      }
      batchSize?: number | undefined
      /** Default: after each pass over the rows. */
      everySteps?: number | undefined
      select?: {
        /** An output of the evaluation. */
        metric?: string | undefined
        goal?: 'max' | 'min' | undefined
        /** By how much one has to be better to count as better. */
        minDelta?: number | undefined
        /** Evaluations in a row that may be no better; then the training ends. Default: it goes on to its last step. */
        patience?: number | undefined
      } | undefined
    } | undefined
    /** The model as it is used: an `.onnx` file with a `ModelSignature`. With it the node writes `model.onnx` in the end. */
    served?: string | undefined
    /** Several workers train one model together. `steps` are then batches, whoever learns from them. Default: one worker. */
    rounds?: {
      /** It begins with as many members as there are, and no fewer than `min`; no more than `max` take part. */
      workers: {
        min: number
        max: number
      }
      /** `auto`: links and steps are measured first, and one of the others is taken. Missing parts have their defaults. */
      sync?: 'auto' | 'diloco' | 'gradients' | undefined
      recipe?: {
        mode?: 'gradient' | 'local' | undefined
        /** Steps of a member between two rounds; those of the average member where samples go by speed. */
        localSteps?: number | undefined
        /** On the way to who aggregates ... */
        up?: {
          kind: string
          /** Elements that share a scale. Default: the compressor's own. */
          block?: number | undefined
          /** Of `topk`: which part of the elements is kept. */
          share?: number | undefined
          /** Of `ec`: how coarse, in root mean squares of a block. */
          step?: number | undefined
        } | undefined
        /** ... and back to all. */
        down?: {
          kind: string
          /** Elements that share a scale. Default: the compressor's own. */
          block?: number | undefined
          /** Of `topk`: which part of the elements is kept. */
          share?: number | undefined
          /** Of `ec`: how coarse, in root mean squares of a block. */
          step?: number | undefined
        } | undefined
        outer?: {
          rate: number
          momentum: number
        } | undefined
      } | undefined
      aggregation?: {
        rule: 'mean'
      } | {
        rule: 'median'
      } | {
        rule: 'trimmed-mean'
        trim: number
      } | undefined
      late?: {
        rule: 'return'
      } | {
        rule: 'weigh'
        factor: number
        /** Rounds; after them its samples go back. */
        maxAge: number
      } | undefined
      /** `speed`: a member has as many samples of a round as its share of the speed; `equal`: all have the same. */
      balance?: 'equal' | 'speed' | undefined
      /** A round is closed without those who are not done after this many times its expected duration, and this long at least. */
      deadline?: {
        factor?: number | undefined
        leastMs?: number | undefined
      } | undefined
      /** Of a member that took over from another, or came back without it: what optimiser it begins with. */
      replacement?: 'committed' | 'zero' | undefined
      /** Rounds between two snapshots of the shared state, from which newcomers and a restarted run go on. */
      snapshotEvery?: number | undefined
      /** Of `gradients` and `auto`: the step in two parts, the gradients of a batch ... */
      gradient?: string | undefined
      /** ... and what the optimiser makes of them: `.onnx` files. */
      update?: string | undefined
    } | undefined
    /** Folder for metrics and checkpoints. Default: `results/<job>` in the node's data folder. */
    outputDir?: string | undefined
    /** What devices must have. Default: nothing. */
    requirements?: Requirements | undefined
    /** What lists and reports call it. */
    name?: string | undefined
    /** What it was written as, for the record of the job: a file that says what is trained. Nothing is made from it. */
    script?: {
      name: string
      text: string
    } | undefined
  }

  /** See {@link jobStatusSchema}. */
  type JobStatus = {
    job: string
    name: string
    program: string
    account: string
    state: 'adopted' | 'cancelled' | 'done' | 'failed' | 'running'
    epoch: number
    createdWallMs: number
    /** `emitted` is the sum of those that wait, run, are being written, are done, and have failed. */
    shards: {
      /** Those of an earlier run among them, and not those that were called off at the end. */
      emitted: number
      waiting: number
      running: number
      /** There is a result, which is not durable yet. Older nodes do not say. */
      writing: number
      done: number
      failed: number
      copies: number
      retries: number
    }
    /** Of training: steps. */
    rows: {
      read: number
      done: number
      total?: number | undefined
    }
    bytes: {
      sent: number
      received: number
    }
    workers: {
      peer: string
      name: string
      shards: number
      rows: number
      computeMs: number
      running: number
      state: 'alive' | 'lost' | 'suspect'
    }[]
    /** Why devices do not take this job's shards, with counts. */
    refusals: {
      provider?: number
      memory?: number
      kind?: number
      epoch?: number
      class?: number
      'not-exact'?: number
      sandbox?: number
      node?: number
      busy?: number
      quota?: number
      draining?: number
      'not-leased-here'?: number
      signature?: number
    }
    outputDir: string
    finishedWallMs?: number | undefined
    /** Workers that it may have at once, where that was said while it ran. */
    maxWorkers?: number | undefined
    /** Of a training by rounds. */
    rounds?: RoundsView | undefined
    /** Of a sweep. */
    sweep?: SweepView | undefined
    error?: {
      code: string
      category: 'aborted' | 'config' | 'internal' | 'peer' | 'platform' | 'timeout' | 'user'
      message: string
      retryable: boolean
      facts: {
        [key: string]: unknown
      }
    } | undefined
    /** The job changed its coordinator: from which node to which. Where it is `done`, it was adopted unaware of that. */
    adoption?: {
      from: string
      by: string
      atWallMs: number
    } | undefined
    /** Accounts whose nodes may read it, beside those of its own. */
    sharedWith?: string[] | undefined
    /** It is another node's, and read here: that node, and what it is called. */
    sharedBy?: {
      node: string
      name: string
    } | undefined
  }

  /** See {@link learningRateSchema}. */
  type LearningRate = {
    kind: 'constant'
    rate: number
  } | {
    kind: 'cosine'
    rate: number
    /** Steps that it grows over. */
    warmUpSteps: number
    /** Where the fall ends; later steps stay there. */
    totalSteps: number
    /** What is left of the rate in the end. */
    finalShare: number
  } | {
    kind: 'decay'
    rate: number
    everySteps: number
    factor: number
  }

  /** See {@link nodeEventSchema}. */
  type NodeEvent = {
    /** Steps of the whole training that are done. */
    step: number
    /** Of the last step, by name; what is no number is left out. */
    metrics: {
      [key: string]: number
    }
    rowsPerSecond: number
    type: 'training'
    job: string
    worker: string
    seq: number
    atWallMs: number
  } | {
    type: 'device'
    devices: {
      id: string
      provider: 'cpu' | 'cuda' | 'wasm' | 'webgpu'
      model: string
      slots: number
      /** Memory that one slot may use. */
      memoryBytes: number
      determinismClass: string
      exact: boolean
      sandboxLevel: number
      kinds: ('infer' | 'map' | 'probe' | 'reduce' | 'train')[]
      tier?: string | undefined
    }[]
    seq: number
    atWallMs: number
  } | {
    type: 'gap'
    after: number
    oldest: number
    seq: number
    atWallMs: number
  } | {
    type: 'job'
    status: JobStatus
    seq: number
    atWallMs: number
  } | {
    type: 'network'
    network: {
      /** Members this node has a connection to. */
      connected: number
      /** Members that are about: connected, or heard of through others lately. */
      reachable: number
      /** Other members by charter and roster, whether or not they are about. */
      known: number
      /** Members that did not say goodbye and cannot be reached through anybody; at most 64 are named. */
      missing: {
        peer: string
        name: string
        sinceWallMs: number
      }[]
      /** Where this node looks for the swarm when it starts or is alone, in the order tried. */
      seeds: {
        address: string
        source: 'cached' | 'charter' | 'config' | 'ticket'
        /** Why the last try failed; absent when it did not, or none was made. */
        lastError?: {
          code: string
          message: string
        } | undefined
        /** When it was last tried, and last reached. */
        triedWallMs?: number | undefined
        reachedWallMs?: number | undefined
      }[]
      /** The carrier of most connections; absent while there are none. `tcp` means that UDP does not get through. */
      carrier?: 'memory' | 'quic' | 'tcp' | undefined
      /** Present while this node seems to be cut off. */
      island?: {
        kind: 'alone' | 'minority'
        sinceWallMs: number
        /** One plain sentence: since when, who was tried and why it failed, what to do. */
        message: string
      } | undefined
      /** Median over peers of our clock minus theirs, ms: positive when ours is ahead. Absent until it was measured. */
      clockSkewMs?: number | undefined
    }
    seq: number
    atWallMs: number
  } | {
    type: 'part'
    job: string
    part: ResultPart
    seq: number
    atWallMs: number
  } | {
    type: 'peer'
    peer: PeerView
    seq: number
    atWallMs: number
  } | {
    type: 'sample'
    /** Share of one core this node's process used since the last sample. */
    cpu: number
    rssBytes: number
    loopDelayMs: number
    running: number
    queued: number
    seq: number
    atWallMs: number
  } | {
    type: 'shard'
    job: string
    shard: string
    phase: 'accepted' | 'cancelled' | 'copied' | 'declined' | 'lapsed' | 'leased' | 'poison' | 'retried'
    seq: number
    atWallMs: number
    worker?: string | undefined
    reason?: string | undefined
  }

  /** See {@link parameterSchema}. */
  type TrialParameter = boolean | number | string

  /** See {@link peerViewSchema}. */
  type PeerView = {
    peer: string
    name: string
    self: boolean
    state: 'alive' | 'gated' | 'lost' | 'suspect'
    /** `none`: heard of through others; a link is made when there is something to send. */
    carrier: 'memory' | 'none' | 'quic' | 'self' | 'tcp'
    address: string
    software: string
    role: string
    silentMs: number
    devices: {
      id: string
      provider: 'cpu' | 'cuda' | 'wasm' | 'webgpu'
      model: string
      slots: number
      /** Memory that one slot may use. */
      memoryBytes: number
      determinismClass: string
      exact: boolean
      sandboxLevel: number
      kinds: ('infer' | 'map' | 'probe' | 'reduce' | 'train')[]
      tier?: string | undefined
    }[]
    /** Why this peer, as a submitter, did not give us shards. */
    refusals: {
      provider?: number
      memory?: number
      kind?: number
      epoch?: number
      class?: number
      'not-exact'?: number
      sandbox?: number
      node?: number
      busy?: number
      quota?: number
      draining?: number
      'not-leased-here'?: number
      signature?: number
    }
    /** Absent when nothing is held against it. */
    conduct?: {
      code: string
      message: string
      count: number
      lastWallMs: number
      /** It is kept out until then; absent when it is not. */
      gatedUntilWallMs?: number | undefined
    } | undefined
  }

  /** See {@link requirementsSchema}. */
  type Requirements = {
    /** Execution provider. */
    provider?: 'cpu' | 'cuda' | 'wasm' | 'webgpu' | undefined
    /** Free memory one slot must have. */
    memoryBytes?: number | undefined
    /** This class and no other. */
    determinismClass?: string | undefined
    /** The class must be proven bit-exact. */
    exact?: boolean | undefined
    /** Isolation of the engine child, at least. */
    sandboxLevel?: number | undefined
    /** Only these nodes. */
    nodes?: string[] | undefined
  }

  /** See {@link resultPartSchema}. */
  type ResultPart = {
    index: number
    file: string
    firstRow: number
    rows: number
    sha256: string
    shard: string
    /** Where it holds the results of several batches: the shards of the second and those after it, in order. */
    furtherShards?: string[] | undefined
    /** Of training: what the shard came to. */
    checkpoint?: Checkpoint | undefined
    /** Of a training by rounds: what the round came to. The metrics are those of all members that counted. */
    round?: {
      round: number
      counted: {
        peer: string
        /** The round that it was made in: an earlier one when it came late. */
        round: number
        shard: string
        weight: number
        batches: {
          from: number
          count: number
        }[]
        /** A slice each. */
        updates: {
          blob: string
          sizeBytes: number
        }[]
        /** What its member goes on from. */
        inner: {
          blob: string
          sizeBytes: number
        }
        /** Inside the engine; for speeds and reports. */
        computeMs: number
        /** From when the round was opened until its receipt was here; for reports. */
        doneMs?: number | undefined
      }[]
      /** Who did not count, and why; its samples are back in the pool. */
      excluded: {
        peer: string
        code: string
        message: string
      }[]
      /** A slice each. */
      aggregates: {
        update: {
          blob: string
          sizeBytes: number
        }
        at: string
        shard: string
        residual?: {
          blob: string
          sizeBytes: number
        } | undefined
        /** As of a contribution. */
        computeMs?: number | undefined
        doneMs?: number | undefined
      }[]
      /** The shared state after it. */
      lineage: string
      openedWallMs: number
      closedWallMs: number
    } | undefined
    /** Of a sweep: whose the checkpoint is. */
    trial?: {
      /** Its place in the request. */
      trial: number
      begun: number
      /** How long the sweep had run. */
      elapsedMs: number
      /** Since the part before. */
      failed?: {
        trial: number
        /** See {@link trialPartSchema}. */
        begun: number
        code: string
        message: string
      }[] | undefined
    } | undefined
    /** Who computed it: the shards in their order. Absent from older journals. */
    computedBy?: {
      peer: string
      determinismClass: string
      /** So many of the part's shards, in their order. */
      shards: number
      /** Inside the engine. */
      computeMs: number
      /** Of training, for one shard: see `receiptSchema`. */
      commitments?: string[] | undefined
    }[] | undefined
    /** When its file was durable. */
    atWallMs?: number | undefined
  }

  /** See {@link roundRecipeSchema}. */
  type RoundRecipe = {
    mode: 'gradient' | 'local'
    /** Steps of a member between two rounds; those of the average member where samples go by speed. */
    localSteps: number
    /** On the way to who aggregates ... */
    up: {
      kind: string
      /** Elements that share a scale. Default: the compressor's own. */
      block?: number | undefined
      /** Of `topk`: which part of the elements is kept. */
      share?: number | undefined
      /** Of `ec`: how coarse, in root mean squares of a block. */
      step?: number | undefined
    }
    /** ... and back to all. */
    down: {
      kind: string
      /** Elements that share a scale. Default: the compressor's own. */
      block?: number | undefined
      /** Of `topk`: which part of the elements is kept. */
      share?: number | undefined
      /** Of `ec`: how coarse, in root mean squares of a block. */
      step?: number | undefined
    }
    outer: {
      rate: number
      momentum: number
    }
  }

  /** See {@link roundsViewSchema}. */
  type RoundsView = {
    /** Rounds that were closed. */
    closed: number
    /** Members of the round that is open; none between two. */
    members: string[]
    /** Why none is open: "waits for 4 workers, 2 are here". */
    waits?: string | undefined
    /** How the members are kept together, in a line; where `auto` chose, with the reason. */
    sync?: string | undefined
  }

  /** See {@link selectionSchema}. */
  type Selection = {
    /** An output of the evaluation. */
    metric: string
    goal: 'max' | 'min'
    /** By how much one has to be better to count as better. */
    minDelta: number
    /** Evaluations in a row that may be no better; then the training ends. Default: it goes on to its last step. */
    patience?: number | undefined
  }

  /** See {@link sourceSpecSchema}. */
  type SourceSpec = {
    path: string
    /** Default: told by the path (`.arrow`, `.jsonl`, a folder of images). */
    format?: 'arrow' | 'images' | 'jsonl' | undefined
  }

  /** See {@link sweepRequestSchema}. */
  type SweepRequest = {
    program: 'sweep'
    /** What trials differ in, beside the learning rate; trials that differ in that alone share one. Each has an evaluation. */
    trainings: {
      /** Steps of one shard: what a worker that is lost costs at most, and how often there is a checkpoint. */
      stepsPerShard: number
      /** What its state begins with: a safetensors file; the last or best checkpoint of another training is one. */
      state: string
      /** A training step: an `.onnx` file with a `StepSignature`, as `trainingStep` makes it. */
      model: string
      program: 'train'
      /** Columns by the names of the step's batch inputs. */
      data: {
        /** A row file. */
        path: string
        /** Default: 0. */
        firstRow: number
        /** Default: all that follow. */
        rows?: number | undefined
      }
      /** How the length of steps changes. */
      learningRate: LearningRate
      /** Decides the order of the rows and every mask. */
      seed: number
      /** Steps between two hashes of the state in a receipt. */
      commitEvery: number
      /** Inputs that no step changes: a safetensors file. */
      frozen?: string | undefined
      /** Steps in all, or passes over the rows: one of the two. */
      steps?: number | undefined
      /** See `steps`. */
      epochs?: number | undefined
      /** What the state is measured with on the way. Default: it is not. */
      evaluation?: {
        /** An `.onnx` file that takes weights by the names of the step's state and gives scalars, such as `loss`. */
        model: string
        data: {
          /** A row file. */
          path: string
          /** Default: 0. */
          firstRow: number
          /** Default: all that follow. */
          rows?: number | undefined
        }
        batchSize: number
        select: Selection
        /** Default: after each pass over the rows. */
        everySteps?: number | undefined
      } | undefined
      /** The model as it is used: an `.onnx` file with a `ModelSignature`. With it the node writes `model.onnx` in the end. */
      served?: string | undefined
      /** What it was written as, for the record of the job: a file that says what is trained. Nothing is made from it. */
      script?: {
        name: string
        text: string
      } | undefined
    }[]
    /** What is tried, in order. */
    trials: {
      /** By name; every trial of a sweep has the same names. */
      parameters: {
        [key: string]: boolean | number | string
      }
      /** Which of the sweep's trainings it is. */
      training: number
      learningRate: LearningRate
    }[]
    /** Which of them are begun, and how far each is taken. Default: each to its end. */
    strategy: {
      kind: 'asha'
      /** One in so many goes on, and goes on for so many times as long. */
      eta: number
      /** Steps of a trial to its first rung, at least. */
      minSteps: number
    } | {
      kind: 'full'
    }
    /** An output of the evaluations, and which way is better. */
    metric: string
    /** See `metric`. */
    goal: 'max' | 'min'
    /** What it may take. Default: as much as it needs. */
    budget: {
      /** Steps of all trials together. A trial that would need more is not begun, nor taken further. */
      steps?: number | undefined
      /** From its start; time in which its node did not run is not counted. Trials that are at work then are called off. */
      ms?: number | undefined
    }
    /** What devices must have. Default: nothing. */
    requirements: Requirements
    /** Folder for metrics, the table of trials and the best state. Default: `results/<job>` in the node's data folder. */
    outputDir?: string | undefined
    /** What lists and reports call it. */
    name?: string | undefined
  }

  /** See {@link sweepViewSchema}. */
  type SweepView = {
    waiting: number
    running: number
    /** At a rung, from which they may still be taken further. */
    paused: number
    done: number
    failed: number
    /** How many have reached each rung, the first one first. */
    rungs: number[]
    best?: {
      trial: number
      value: number
      step: number
    } | undefined
  }

  /** See {@link trainingProgressSchema}. */
  type TrainingProgress = {
    /** Steps of the whole training that are done. */
    step: number
    /** Of the last step, by name; what is no number is left out. */
    metrics: {
      [key: string]: number
    }
    rowsPerSecond: number
  }

  /** See {@link trainRequestSchema}. */
  type TrainRequest = {
    program: 'train'
    /** A training step: an `.onnx` file with a `StepSignature`, as `trainingStep` makes it. */
    model: string
    /** What its state begins with: a safetensors file; the last or best checkpoint of another training is one. */
    state: string
    /** Columns by the names of the step's batch inputs. */
    data: {
      /** A row file. */
      path: string
      /** Default: 0. */
      firstRow: number
      /** Default: all that follow. */
      rows?: number | undefined
    }
    /** Decides the order of the rows and every mask. */
    seed: number
    /** How the length of steps changes. */
    learningRate: LearningRate
    /** Steps of one shard: what a worker that is lost costs at most, and how often there is a checkpoint. */
    stepsPerShard: number
    /** Steps between two hashes of the state in a receipt. */
    commitEvery: number
    /** What devices must have. Default: nothing. */
    requirements: Requirements
    /** Inputs that no step changes: a safetensors file. */
    frozen?: string | undefined
    /** Steps in all, or passes over the rows: one of the two. */
    steps?: number | undefined
    /** See `steps`. */
    epochs?: number | undefined
    /** What the state is measured with on the way. Default: it is not. */
    evaluation?: {
      /** An `.onnx` file that takes weights by the names of the step's state and gives scalars, such as `loss`. */
      model: string
      data: {
        /** A row file. */
        path: string
        /** Default: 0. */
        firstRow: number
        /** Default: all that follow. */
        rows?: number | undefined
      }
      batchSize: number
      select: Selection
      /** Default: after each pass over the rows. */
      everySteps?: number | undefined
    } | undefined
    /** The model as it is used: an `.onnx` file with a `ModelSignature`. With it the node writes `model.onnx` in the end. */
    served?: string | undefined
    /** Several workers train one model together. `steps` are then batches, whoever learns from them. Default: one worker. */
    rounds?: {
      /** It begins with as many members as there are, and no fewer than `min`; no more than `max` take part. */
      workers: {
        min: number
        max: number
      }
      /** `auto`: links and steps are measured first, and one of the others is taken. Missing parts have their defaults. */
      sync: 'auto' | 'diloco' | 'gradients'
      recipe: {
        mode?: 'gradient' | 'local' | undefined
        /** Steps of a member between two rounds; those of the average member where samples go by speed. */
        localSteps?: number | undefined
        /** On the way to who aggregates ... */
        up?: {
          kind: string
          /** Elements that share a scale. Default: the compressor's own. */
          block?: number | undefined
          /** Of `topk`: which part of the elements is kept. */
          share?: number | undefined
          /** Of `ec`: how coarse, in root mean squares of a block. */
          step?: number | undefined
        } | undefined
        /** ... and back to all. */
        down?: {
          kind: string
          /** Elements that share a scale. Default: the compressor's own. */
          block?: number | undefined
          /** Of `topk`: which part of the elements is kept. */
          share?: number | undefined
          /** Of `ec`: how coarse, in root mean squares of a block. */
          step?: number | undefined
        } | undefined
        outer?: {
          rate: number
          momentum: number
        } | undefined
      }
      aggregation: Aggregation
      late: {
        rule: 'return'
      } | {
        rule: 'weigh'
        factor: number
        /** Rounds; after them its samples go back. */
        maxAge: number
      }
      /** `speed`: a member has as many samples of a round as its share of the speed; `equal`: all have the same. */
      balance: 'equal' | 'speed'
      /** A round is closed without those who are not done after this many times its expected duration, and this long at least. */
      deadline: {
        factor: number
        leastMs: number
      }
      /** Of a member that took over from another, or came back without it: what optimiser it begins with. */
      replacement: 'committed' | 'zero'
      /** Rounds between two snapshots of the shared state, from which newcomers and a restarted run go on. */
      snapshotEvery: number
      /** Of `gradients` and `auto`: the step in two parts, the gradients of a batch ... */
      gradient?: string | undefined
      /** ... and what the optimiser makes of them: `.onnx` files. */
      update?: string | undefined
    } | undefined
    /** Folder for metrics and checkpoints. Default: `results/<job>` in the node's data folder. */
    outputDir?: string | undefined
    /** What lists and reports call it. */
    name?: string | undefined
    /** What it was written as, for the record of the job: a file that says what is trained. Nothing is made from it. */
    script?: {
      name: string
      text: string
    } | undefined
  }

  /** Which node to speak to. */
  interface ConnectOptions {
    /** Its data folder. Default: `AIVIDA_DATA_DIR`, or `.aivida` in the home folder. */
    readonly dataDir?: string
    /** Its socket, when that lies elsewhere. Default: `AIVIDA_SOCKET_PATH`, or the data folder's. */
    readonly socketPath?: string
  }

  /**
   * A tensor of an ONNX file; over the file's memory where it holds raw bytes.
   * Throws `model.unsupported-type`, `model.missing-weights`, `model.invalid` for one that is not as long as its shape says.
   */
  function tensorFromProto(proto: TensorProto, weights?: WeightFiles): Tensor

  /** Contents of the files in which a model keeps tensors, by the names it gives them. */
  type WeightFiles = Readonly<Record<string, Uint8Array>>

  /**
   * Takes a forward ONNX model, for example one that `torch.onnx.export` wrote, apart into weights and operators, of opset
   * 9 to 24; functions of its own are inlined. float32 initializers of more than one element are weights, except masks (they
   * hold infinities) and the zeros that the dynamo exporter writes for a bias that the layer does not have; others are
   * constants. `trainable` decides otherwise, by name.
   *
   * Throws `graph.opset`, `model.unsupported-type`, `model.missing-weights`, `model.invalid`.
   */
  function importForTraining(model: Model, options?: ImportOptions): ImportedModel

  /** A weight of an imported model. */
  interface ImportedParameter {
    /** As the file names it. */
    readonly name: string
    readonly tensor: Tensor
    /** `statistic`: the running mean or variance of a batch normalisation. */
    readonly role: 'parameter' | 'statistic'
  }

  /** How to take a model apart. */
  interface ImportOptions {
    /** The files that the model keeps its weights in, by the names that it has for them. Default: it has none. */
    readonly weights?: WeightFiles
    /** Whether a float32 initializer of more than one element is a weight. Default: see {@link importForTraining}. */
    readonly trainable?: (name: string, tensor: Tensor) => boolean
  }

  /** How to build an imported model's forward pass. */
  interface ImportedForward {
    /** Values for the model's inputs, by name, of concrete shapes. */
    readonly inputs: Readonly<Record<string, Value>>
    /** The value that stands for a weight: an input of the graph, or a constant. */
    readonly parameter: (parameter: ImportedParameter) => Value
    /** Builds a call in another way than the file says: undefined, as it says. Default: everything as it says. */
    readonly instead?: (call: OperatorCall) => readonly Value[] | undefined
  }

  /** A forward model whose weights can be trained. */
  interface ImportedModel {
    readonly model: Model
    readonly inputs: readonly TensorSpec[]
    readonly outputs: readonly TensorSpec[]
    readonly parameters: readonly ImportedParameter[]
    /**
     * Adds the forward pass to a graph; outputs by name. Throws `graph.unknown-op` naming node and operator for what has no
     * row in the table of operators, and what {@link GraphBuilder} throws.
     */
    forward(g: GraphBuilder, how: ImportedForward): Readonly<Record<string, Value>>
  }

  /**
   * An imported model as a network that `trainingStep`, `frozen` and `lora` take: its parameters have the names that the
   * file gives them, and adapters those of the matrices that they are added to.
   *
   * While it is built it throws `graph.batch` where the file fixes another batch size than the step's, and what
   * {@link ImportedModel.forward} throws.
   */
  function importedNetwork(imported: ImportedModel, options?: ImportedNetworkOptions): Network

  /** How an imported model is trained. */
  interface ImportedNetworkOptions {
    /**
     * Statistics of batch normalisations in training: `batch` normalises by those of each batch and brings the stored ones
     * up to date, as the model's own framework does while it trains; `stored` leaves them as they are, for fine-tuning.
     * Default: `batch`.
     */
    readonly batchNorm?: 'batch' | 'stored'
  }

  /**
   * What TensorFlow.js saves of a model: `tf.io.ModelArtifacts`, as plain data. Looser here than there: what comes in is
   * checked when it is read.
   */
  interface TfjsArtifacts {
    readonly modelTopology?: unknown
    readonly weightSpecs?: readonly unknown[] | undefined
    readonly weightData?: unknown
    readonly trainingConfig?: unknown
  }

  /** A live model of TensorFlow.js, `tf.LayersModel` or `tf.Sequential`, by what is used of it. */
  interface TfjsModel {
    /** Hands what it consists of to the handler, as `tf.LayersModel.save` does. */
    save(handler: { save(artifacts: TfjsArtifacts): Promise<TfjsSaved> }, config?: { includeOptimizer?: boolean }): Promise<unknown>
    readonly trainableWeights?: readonly { readonly originalName: string }[]
  }

  /** What `tf.io.SaveHandler` answers. */
  interface TfjsSaved {
    readonly modelArtifactsInfo: { readonly dateSaved: Date; readonly modelTopologyType: 'JSON' }
  }

  /** A weight of an imported model. */
  interface ImportedWeight {
    /** As TensorFlow.js has it: `dense_Dense1/kernel`. */
    readonly name: string
    /** float32, as it lies here. */
    readonly tensor: Tensor
    readonly kind: ParameterKind
    readonly trained: boolean
    readonly penalty: Penalty | undefined
  }

  /** Penalties on a weight that are part of the loss (Keras `L1L2`): `l1 sum |w| + l2 sum w^2`. */
  interface Penalty {
    readonly l1: number
    readonly l2: number
  }

  /** A weight as TensorFlow.js takes it: `tf.tensor(values, shape)`. */
  interface TfjsWeight {
    readonly name: string
    readonly shape: number[]
    readonly values: Float32Array
  }

  /**
   * A model written with `tf.sequential()` or `tf.model()`, live or as it was saved (`tf.io.ModelArtifacts`). It is trained
   * from the weights it has; layers with `trainable: false` are frozen, and L1 and L2 penalties are part of the loss.
   *
   * Throws `tfjs.invalid` for what is no Layers model, `tfjs.missing-weight`, `tfjs.unsupported-weight`, `tfjs.unsupported`
   * for a setting that has no counterpart here, `graph.unknown-layer` for a layer without a rule, `graph.dynamic`.
   */
  function importTfjs(source: TfjsModel | TfjsArtifacts, options?: ImportTfjsOptions): Promise<ImportedTfjs>

  /** What the inputs and outputs of an imported model are called. */
  interface ImportTfjsOptions {
    /** In the model's order: the columns of the data. Default: names of the input layers (`conv2d_Conv2D1_input`). */
    readonly inputs?: readonly string[]
    /** In the model's order. Default: names of the layers that they come from. */
    readonly outputs?: readonly string[]
  }

  /** A Layers model of TensorFlow.js as a network that `trainingStep`, `frozen` and `lora` take. */
  interface ImportedTfjs {
    /** Its parameters have the names that TensorFlow.js gives them: `dense_Dense1/kernel`. */
    readonly network: Network
    /** Types of one sample, as TensorFlow.js takes it: pictures with channels last. Integers may be given for floats. */
    readonly inputs: Readonly<Record<string, TensorType>>
    readonly outputs: readonly string[]
    /** In the order of `model.weights`; kernels lie as ONNX has them. */
    readonly weights: readonly ImportedWeight[]
    /**
     * Weights of a trained state for `model.setWeights(weights.map(({ values, shape }) => tf.tensor(values, shape)))`.
     * Throws `graph.state` for a state of adapters.
     */
    readonly toTfjsWeights: (state: NamedTensors) => TfjsWeight[]
  }

  /**
   * The loss and the optimiser that a model was compiled with, and its learning rate. Throws `tfjs.invalid` for a model that
   * was not compiled (or saved without `includeOptimizer`), `tfjs.unsupported` for a loss or an optimiser without a
   * counterpart.
   */
  function trainingOf(source: TfjsModel | TfjsArtifacts, options: TfjsTrainingOptions): Promise<TfjsTraining>

  /** How a model was compiled, for `trainingStep`. */
  interface TfjsTraining {
    /** Of one output: with its metrics. Of several: their sum. */
    readonly loss: Loss
    /** Begins anew: what the optimiser of TensorFlow.js had gathered is not taken over. */
    readonly optimizer: Optimizer
    readonly learningRate: number
  }

  /** Where the loss finds what it compares. */
  interface TfjsTrainingOptions {
    /** Names of the model's outputs, as the network gives them (see `ImportedTfjs.outputs`), in their order. */
    readonly outputs: readonly string[]
    /** Columns of what is right, one an output. Default: `labels` for one output. */
    readonly labels?: readonly string[]
  }

  /** Options of {@link conv2d}. */
  interface Conv2dOptions extends WindowOptions {
    /** Distance of the places in a picture that neighbouring weights meet. Default: 1. */
    readonly dilation?: Size2d
    /** Groups of channels that are seen apart. Default: 1. */
    readonly groups?: number
    /** Default: true. */
    readonly bias?: boolean
    /** Default: {@link heNormal}. */
    readonly initial?: Initializer | Tensor
    /** Default: zeros. */
    readonly biasInitial?: Initializer | Tensor
  }

  /**
   * `[batch, channels, height, width]` to `[batch, filters, ...]`. Parameters: `weight [filters, channels / groups, ...kernel]`,
   * `bias [filters]`.
   */
  function conv2d(filters: number, kernel: Size2d, options?: Conv2dOptions): Layer

  /** Each channel seen by itself, by `multiplier` filters of its own (default: 1): {@link conv2d} in as many groups as channels. */
  function depthwiseConv2d(kernel: Size2d, options?: Omit<Conv2dOptions, 'groups'> & { readonly multiplier?: number }): Layer

  /**
   * What lies around a picture: `valid` nothing, `same` zeros so that the output is the input's size divided by the stride,
   * rounded up (an odd one more at the end, as TensorFlow has it); a number: so many zeros at each side.
   */
  type Padding = 'valid' | 'same' | Size2d

  /** Height and width, or one number for both. */
  type Size2d = number | readonly [number, number]

  /** How a window slides. */
  interface WindowOptions extends LayerOptions {
    /** Default: 1 for convolutions, the window's size for pools. */
    readonly stride?: Size2d
    /** Default: `valid`. */
    readonly padding?: Padding
  }

  /** max(x, 0). */
  const relu: (options?: LayerOptions) => Layer

  /** 1 / (1 + e^-x). */
  const sigmoid: (options?: LayerOptions) => Layer

  /** The hyperbolic tangent. */
  const tanh: (options?: LayerOptions) => Layer

  /** x sigmoid(x) (Elfwing, Uchibe and Doya 2018, "Sigmoid-weighted linear units", equation 1). */
  const silu: (options?: LayerOptions) => Layer

  /** x Phi(x), by the error function (Hendrycks and Gimpel 2016, "Gaussian Error Linear Units", section 2). */
  const gelu: (options?: LayerOptions) => Layer

  /** {@link gelu} by a hyperbolic tangent (the same paper): what GPT-2 was trained with. */
  const geluTanh: (options?: LayerOptions) => Layer

  /** Shares of 1 along the last axis. */
  const softmax: (options?: LayerOptions) => Layer

  /**
   * Multi-head attention (Vaswani et al. 2017, "Attention Is All You Need", section 3.2): `[batch, places, width]` to the
   * same shape. Dense layers inside: `query`, `key`, `value`, `output`.
   */
  function attention(options: AttentionOptions): Layer

  /** Options of {@link attention}. */
  interface AttentionOptions extends WeightOptions {
    /** Into how many parts the features are split; it divides them. */
    readonly heads: number
    /** Whether a place sees itself and those before it alone. Default: false. */
    readonly causal?: boolean
    /** `[batch, places]`, of what is looked at: 1 where there is something, 0 where there is padding. Default: all of it. */
    readonly keyMask?: Value
    /** What is looked at, `[batch, places, width]`. Default: the input itself. */
    readonly memory?: Value
  }

  /** Pieces one after the other. */
  function sequential(pieces: readonly Piece[], options?: LayerOptions): Layer

  /** x + what the pieces make of it (He, Zhang, Ren and Sun 2016, "Deep Residual Learning", equation 1). */
  function residual(pieces: readonly Piece[], options?: LayerOptions): Layer

  /** The same model with every parameter in it frozen: it is part of what is computed, and training leaves it as it is. */
  function frozen(model: Layer): Layer
  function frozen(model: Network): Network

  /**
   * The same model with every parameter in it frozen, and a trained matrix of low rank added to the weights that are
   * targets: W + alpha / rank A B, of which A and B alone are learned and travel (Hu et al. 2021, "LoRA", section 4.1).
   * Inference models have it merged in.
   */
  function lora(model: Layer, options: LoraOptions): Layer
  function lora(model: Network, options: LoraOptions): Network

  /** Low-rank adapters: see {@link lora}. */
  interface LoraOptions {
    /** Rows of the one adapter and columns of the other: how much they can learn. */
    readonly rank: number
    /** What the adapters count: their product is multiplied by `alpha / rank`. Default: `rank`, so that it counts once. */
    readonly alpha?: number
    /**
     * Weights of dense and attention layers that have adapters: names of layers, or a test of the parameter's whole name.
     * Default: all of them.
     */
    readonly targets?: readonly string[] | ((name: string) => boolean)
  }

  /** `[batch, ..., in]` to `[batch, ..., units]`: x W + b, W `[in, units]`. */
  function dense(units: number, options?: WeightOptions): Layer

  /**
   * `rows W + b` of matrices, with the low-rank adapter of the weight where it has one. `prefix`: of the adapter's names,
   * where several weights stand in one place.
   */
  function adaptedProduct(s: Scope, rows: Value, options: { name: string; weight: Value; bias: Value | undefined; prefix?: string }): Value

  /** How a weight and its bias begin. */
  interface WeightOptions extends LayerOptions {
    /** Default: true. */
    readonly bias?: boolean
    /** Default: {@link glorotUniform}. */
    readonly initial?: Initializer | Tensor
    /** Default: zeros. */
    readonly biasInitial?: Initializer | Tensor
  }

  /**
   * Leaves out each element with probability `rate` in training, and makes up for it in the others (Srivastava et al. 2014,
   * "Dropout", with the scale of training rather than of inference). What is left out is an input of the step: it follows from
   * the run's seed. Throws `graph.attribute`.
   */
  function dropout(rate: number, options?: LayerOptions): Layer

  /** Integers `[batch, ...]` from 0 to `count - 1` to rows of a table: `[batch, ..., width]`. Parameter: `table [count, width]`. */
  function embedding(count: number, width: number, options?: EmbeddingOptions): Layer

  /** Adds a learned row to each place of `[batch, places, width]`. Parameter: `table [places, width]`. */
  function positions(options?: EmbeddingOptions): Layer

  /** How a table begins. */
  interface EmbeddingOptions extends LayerOptions {
    /** Default: normal with deviation 0.02. */
    readonly initial?: Initializer | Tensor
  }

  /** The same value everywhere. */
  function constantly(value: number): Initializer

  /** Normal with mean 0, by pairs (Box and Muller 1958, "A Note on the Generation of Random Normal Deviates"). */
  function normal(deviation: number): Initializer

  /** Fills a parameter. Its numbers depend on seed, name and shape alone, whatever else the model holds. */
  function initialTensor(initializer: Initializer, options: { name: string; shape: readonly number[]; seed: number; fans?: readonly number[] }): Tensor

  /** What the values of a parameter begin with: a function of its shape, its place in the model and the model's seed. */
  type Initializer = (place: Placed) => Float32Array

  /** A parameter that is to be filled. */
  interface Placed {
    readonly shape: readonly number[]
    /** Values that one output is a sum of, and outputs that one input is part of: what Glorot's and He's rules scale by. */
    readonly fanIn: number
    readonly fanOut: number
    /** Fills an array with numbers in [0, 1), always the same ones for a name and a seed. */
    readonly uniform: (values: Float32Array) => void
  }

  /** Zeros: what biases begin with. */
  const zeros: Initializer

  /** Ones: what the gains of norms begin with. */
  const ones: Initializer

  /** Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", equation 16. */
  const glorotUniform: Initializer

  /** As {@link glorotUniform}, with the same variance. */
  const glorotNormal: Initializer

  /** He, Zhang, Ren and Sun 2015, "Delving Deep into Rectifiers", equation 10: for layers that a ReLU follows. */
  const heNormal: Initializer

  /** As {@link heNormal}, with the same variance. */
  const heUniform: Initializer

  /** Even within `1 / sqrt(fanIn)`: what PyTorch begins its Linear and Conv2d with, biases too. */
  const fanInUniform: Initializer

  /** Makes a layer. */
  function layer(kind: string, options: LayerOptions, build: Layer['build']): Layer

  /**
   * A piece of a model: makes one value of another, and asks its {@link Scope} for the parameters that it needs on the way.
   * Axis 0 of a value is the batch. A layer is a description: the same one used twice shares its parameters.
   */
  interface Layer {
    /** What it is called where it has no name: `dense` becomes `dense_1`, `dense_2`. */
    readonly kind: string
    readonly name?: string
    readonly build: (s: Scope, x: Value) => Value
  }

  /** A {@link Layer}, or a plain function that is one: `(s, x) => s.g.add(x, s.call(block, x))`. */
  type Piece = Layer | Layer['build']

  /** Values by name. */
  type NamedValues = Readonly<Record<string, Value>>

  /** A model of inputs by name, where one layer is not enough; gives one value, or several by name. */
  type Network = (s: Scope, inputs: NamedValues) => Value | NamedValues

  /** What every layer may be given. */
  interface LayerOptions {
    /** Names it, in errors and in front of its parameters. Default: what it is, and a number. */
    readonly name?: string
  }

  /**
   * Each channel (axis 1) less its mean, over its deviation: of the batch in training, running ones in inference and where
   * it is frozen (Ioffe and Szegedy 2015, "Batch Normalization", algorithms 1 and 2). Statistics: `mean`, `variance`.
   */
  function batchNorm(options?: NormOptions & RunningOptions): Layer

  /** {@link batchNorm} with parameters from elsewhere. */
  function batchNormalized(s: Scope, x: Value, options: BatchNormParts, settings?: RunningOptions): Value

  /** Along the last axis, less the mean and over the deviation (Ba, Kiros and Hinton 2016, "Layer Normalization"). */
  function layerNorm(options?: NormOptions): Layer

  /** Along the last axis, over the root of the mean square (Zhang and Sennrich 2019, "Root Mean Square Layer Normalization"). */
  function rmsNorm(options?: NormOptions): Layer

  /** Options of norms. */
  interface NormOptions extends LayerOptions {
    /** Added to the variance. Default: 1e-5. */
    readonly epsilon?: number
  }

  /** How running statistics follow those of the batches. */
  interface RunningOptions {
    /** Added to the variance. Default: 1e-5. */
    readonly epsilon?: number
    /** Share of the running statistics that stays at each step. Default: 0.9. */
    readonly momentum?: number
    /**
     * Whether the running variance follows sums divided by n - 1 (PyTorch) rather than n (Keras); batches are normalised by
     * the latter. Default: true.
     */
    readonly unbiased?: boolean
  }

  /** A mean or variance that steps bring up to date: what {@link Scope.statistic} gives. */
  type Statistic = ReturnType<Scope['statistic']>

  /** What {@link batchNormalized} works with, each `[channels]`. */
  interface BatchNormParts {
    readonly gain: Value
    readonly bias: Value
    readonly mean: Statistic
    readonly variance: Statistic
  }

  /**
   * What a parameter does, for optimisers that treat them differently: `weight` matrices and kernels, `bias`es, `gain`s of
   * norms, `embedding` tables.
   */
  type ParameterKind = 'weight' | 'bias' | 'gain' | 'embedding'

  /** What a layer asks for. All parameters are `float32`. */
  interface ParameterSpec {
    readonly shape: readonly number[]
    /** Values to begin with, or how to make them. */
    readonly initial: Initializer | Tensor
    /** Default: `weight`. */
    readonly kind?: ParameterKind
    /** Fan in and out, where the shape does not tell. */
    readonly fans?: readonly [number, number]
    /** Whether training leaves it as it is. Default: what the layer's surroundings say, see `frozen()`. */
    readonly frozen?: boolean
  }

  /** A tensor of a model. */
  interface Parameter {
    /** Path of its layer and its own name: `dense_1/weight`. */
    readonly name: string
    readonly shape: readonly number[]
    readonly kind: ParameterKind
    /**
     * `parameter`: learned. `adapter`: learned, part of a low-rank adapter. `statistic`: not learned by a gradient, but
     * brought up to date by each step. `frozen`: never changed.
     */
    readonly role: 'parameter' | 'adapter' | 'statistic' | 'frozen'
    /** Its values before the first step. Made anew at each call: a large model does not hold them twice. */
    readonly initial: () => Tensor
    /** The graph's input that holds it. */
    readonly value: Value
  }

  /** What {@link Parameters} are made with. */
  interface ParametersInit {
    /** Whole number of up to 2^53 - 1. */
    readonly seed: number
    /** Values to begin with in place of what layers say, by name: of a model trained before, or of another framework. */
    readonly weights?: NamedTensors
  }

  /** The parameters of one graph, by name, in the order in which its layers asked for them. */
  class Parameters {
    constructor(g: GraphBuilder, init: ParametersInit)
    readonly all: readonly Parameter[]
    /** What a step makes of each statistic. */
    readonly statistics: ReadonlyMap<Parameter, Value>
    /**
     * The parameter of this name; layers that run twice in a graph get the same one. Throws `graph.shape` when it was asked
     * for in another shape before, or given weights of another one.
     */
    get(name: string, spec: ParameterSpec, role: Parameter['role']): Parameter
    /** What a statistic is from here on. */
    update(parameter: Parameter, next: Value): void
    /** Throws `graph.unknown-parameter` for weights that were given and not asked for by any layer. */
    checkWeights(): void
  }

  /** The largest of each window of `[batch, channels, height, width]`. Default stride: the window's size. */
  function maxPool(size: Size2d, options?: WindowOptions): Layer

  /** The mean of each window; padding does not count. Default stride: the window's size. */
  function averagePool(size: Size2d, options?: WindowOptions): Layer

  /** The mean over height and width: `[batch, channels, height, width]` to `[batch, channels]`. */
  function globalAveragePool(options?: LayerOptions): Layer

  /** The largest over height and width: `[batch, channels, height, width]` to `[batch, channels]`. */
  function globalMaxPool(options?: LayerOptions): Layer

  /** `[batch, ...]` to `[batch, all the rest]`. */
  function flatten(options?: LayerOptions): Layer

  /** `[batch, ...]` to `[batch, ...shape]`, of as many elements. */
  function reshape(shape: readonly number[], options?: LayerOptions): Layer

  /**
   * Numbers as `float32`, times `scale`: bytes travel, and become brightnesses where they are used.
   * Default scale: 1/255, bytes to [0, 1].
   */
  function pixels(options?: LayerOptions & { readonly scale?: number }): Layer

  /** What a pass through a model is for: dropout and batch norm differ. */
  type Mode = 'training' | 'inference'

  /** Low-rank adapters of a pass, see `lora()`. */
  interface Adapting {
    readonly rank: number
    /** What their product counts. */
    readonly scale: number
    /** Whether the weight of this name has one. */
    readonly targets: (name: string) => boolean
  }

  /** A random 0/1 input that a pass takes. */
  interface MaskInput {
    readonly value: Value
    /** Probability of a one. */
    readonly keep: number
  }

  /** A weight and the two matrices whose product, times `scale`, is added to it: names of parameters. */
  interface Adapter {
    readonly weight: string
    readonly down: string
    readonly up: string
    readonly scale: number
    /** The weight is `[out, in]`. */
    readonly transposed: boolean
  }

  /** One pass of a model through a graph. */
  interface Pass {
    readonly g: GraphBuilder
    readonly mode: Mode
    readonly parameters: Parameters
    readonly masks: MaskInput[]
    /** Scalars that training adds to the loss. */
    readonly penalties: Set<Value>
    /** Those that were built, by their weight; undefined when weights have them merged in already. */
    readonly adapters: Map<string, Adapter> | undefined
    /** Where each layer stood first: it has its parameters there. */
    readonly places: Map<Layer, string>
  }

  /** What a place has from the places around it. */
  interface Surroundings {
    readonly frozen: boolean
    readonly adapting?: Adapting
  }

  /** A place in a model that is being built: what layers are written with. */
  class Scope {
    constructor(pass: Pass, path?: string, surroundings?: Surroundings)
    /** The graph: its operators make values. */
    readonly g: GraphBuilder
    readonly mode: Mode
    /** Where this is: `encoder/dense_1`. */
    readonly path: string
    /** The output of a layer for `x`, at a place named after the layer. Throws `graph.name-taken`. */
    call(piece: Piece, x: Value, name?: string): Value
    /** A parameter of this place, to be learned unless it is frozen. */
    parameter(name: string, spec: ParameterSpec): Value
    /**
     * The two matrices `[in, rank]` and `[rank, out]` of the weight `name`, and what their product counts; undefined where
     * it has none. `prefix`: of the matrices' names, where several weights stand in one place. `transposed`: the weight is
     * `[out, in]`.
     */
    adapterOf(name: string, values: readonly [number, number], options?: { readonly prefix?: string; readonly transposed?: boolean }): { readonly down: Value; readonly up: Value; readonly scale: number } | undefined
    /** A tensor that steps bring up to date by other means than a gradient. What is frozen stays as it is. */
    statistic(name: string, spec: ParameterSpec): { readonly value: Value; readonly update: (next: Value) => void }
    /** Whether what stands here is not to change. */
    readonly isFrozen: boolean
    /** Zeros and ones, new ones for each step: ones with probability `keep`. `uint8` of this shape. */
    mask(name: string, shape: readonly number[], keep: number): Value
    /** Adds a scalar to what training makes smaller: what large weights cost. It is no part of the evaluation's loss. */
    penalize(cost: Value): void
    /** The same place, where parameters are not to change. */
    readonly frozen: Scope
    /** The same place, where the parameters are frozen and some weights have adapters. */
    adapted(adapting: Adapting): Scope
    /** Throws `graph.shape` in words that name this place, unless `x` has this rank. */
    expectRank(x: Value, rank: number, axes: string): void
  }

  /** A model that nothing is to learn of. */
  type ModelInit = Pick<TrainingInit, 'model' | 'inputs' | 'seed' | 'target'>

  /** A model with what its parameters begin with, as an ONNX file for batches of any size. Throws `graph.*`. */
  function untrainedModel(init: ModelInit): Uint8Array

  /**
   * For a text model: of each window of T + 1 tokens the first T are what the model is given, `tokens`, and the last T are
   * what it is to say, `labels`. `column`: what the window is called in the batch. Default: `tokens`.
   */
  function nextTokens(column?: string): Preparation

  /** Batch values made of others before the model and the loss see them; not part of the inference model. */
  type Preparation = (s: Scope, batch: NamedValues) => NamedValues

  /** See {@link gradientSignatureSchema}. */
  type GradientSignature = {
    version: 1
    /** In the order of the step's own signature. */
    state: {
      /** The graph's input. */
      name: string
      /** The graph's output: of what is trained its gradient, of a statistic what it is next. */
      gives: string
      shape: number[]
      role: 'adapter' | 'parameter' | 'statistic'
    }[]
    /** As in a {@link stepSignatureSchema}, like batch, masks and metrics. */
    frozen: {
      name: string
      dtype: 'float32' | 'int64'
      shape: number[]
    }[]
    batch: {
      name: string
      dtype: 'float32' | 'int32' | 'int64' | 'uint8'
      shape: number[]
      /** Whole numbers from 0 up to, not including, this: classes, or symbols of an alphabet. Absent: not said. */
      below?: number | undefined
    }[]
    masks: {
      name: string
      shape: number[]
      /** Probability of a one. */
      keep: number
    }[]
    metrics: string[]
  }

  /** The signature of the first half of a step. Throws `step.not-a-gradient`, `step.too-large`, and `model.*` as {@link readModel} does. */
  function gradientSignatureOf(bytes: Uint8Array): GradientSignature

  /** See {@link updateSignatureSchema}. */
  type UpdateSignature = {
    version: 1
    /** Without statistics, which no optimiser knows. */
    state: StateTensor[]
    /** An f32 input of the same shape for each tensor that is trained, in their order. */
    gradients: {
      name: string
      of: string
    }[]
    scalars: {
      learningRate?: string | undefined
      step?: string | undefined
    }
    /** `gradientNorm` where gradients are clipped. */
    metrics: string[]
  }

  /** The signature of the second half of a step. Throws `step.not-an-update`, and `model.*` as {@link readModel} does. */
  function updateSignatureOf(bytes: Uint8Array): UpdateSignature

  /** A step in two graphs; run one after the other they are the step. */
  interface SplitStep {
    /** From the shared state and a batch to gradients: an ONNX file with a {@link GradientSignature}. */
    readonly gradient: Uint8Array
    readonly gradientSignature: GradientSignature
    /** From gradients to the next state, clipping and optimiser: an ONNX file with an {@link UpdateSignature}. */
    readonly update: Uint8Array
    readonly updateSignature: UpdateSignature
  }

  /** Where an ONNX file holds its {@link StepSignature}, as JSON in `metadata_props`. */
  const STEP_METADATA_KEY: 'aivida.training-step'

  /** See {@link stateTensorSchema}. */
  type StateTensor = {
    /** The graph's input. */
    name: string
    /** The graph's output that holds it after the step. */
    next: string
    dtype: 'float32' | 'int64'
    shape: number[]
    /**
     * `parameter`: trained, and part of the model that leaves. `adapter`: as a parameter, of a low-rank adapter.
     * `statistic`: not trained by the gradient, but part of the model that leaves (running means of batch norm).
     * `optimizer`: of no use after training.
     */
    role: 'adapter' | 'optimizer' | 'parameter' | 'statistic'
  }

  /** See {@link stepSignatureSchema}. */
  type StepSignature = {
    version: 1
    /** In the order in which they are hashed, compressed and sent. */
    state: StateTensor[]
    /** Inputs that no step changes: frozen weights. They travel once. */
    frozen: {
      name: string
      dtype: 'float32' | 'int64'
      shape: number[]
    }[]
    /** Inputs of samples; axis 0 is the batch, the same for each. */
    batch: {
      name: string
      dtype: 'float32' | 'int32' | 'int64' | 'uint8'
      shape: number[]
      /** Whole numbers from 0 up to, not including, this: classes, or symbols of an alphabet. Absent: not said. */
      below?: number | undefined
    }[]
    /** uint8 inputs, drawn for each step from the job's seed. */
    masks: {
      name: string
      shape: number[]
      /** Probability of a one. */
      keep: number
    }[]
    /** Scalar f32 inputs by their meaning: the learning rate of this step, and its number (from 1, for bias correction). */
    scalars: {
      learningRate?: string | undefined
      step?: string | undefined
    }
    /** Scalar f32 outputs: `loss` always, others by name (`accuracy`: a share of the batch, `gradientNorm`). */
    metrics: string[]
  }

  /**
   * The signature of a training step. Throws `step.not-a-step` for a model that has none or one of another version,
   * `step.too-large`, and
   * `model.*` as {@link readModel} does.
   */
  function stepSignatureOf(bytes: Uint8Array): StepSignature

  /** The model with a step's signature written into it; weights are shared. */
  function withStepSignature(model: Model, signature: StepSignature): Model

  /** See {@link modelSignatureSchema}. */
  type ModelSignature = {
    version: 1
    /** Inputs that are weights, by the names of the state or of what is frozen. */
    weights: {
      name: string
      shape: number[]
      /** Two matrices of the state whose product, times `scale`, is added; the weight is `[out, in]` where `transposed`. */
      adapter?: {
        down: string
        up: string
        scale: number
        transposed: boolean
      } | undefined
    }[]
  }

  /** Throws `model.not-served` for a model that does not say what its weights come from. */
  function modelSignatureOf(model: Model): ModelSignature

  /** The trained model: a file of {@link TrainingStep.served} and a state, and what was frozen. Throws `graph.state`, `model.not-served`. */
  function trainedModel(served: Uint8Array, state: NamedTensors, frozen?: NamedTensors): Uint8Array

  /** As {@link trainedModel}, with the weights beside it: in a file called `location` whose content is `pieces`, one after the other. */
  function trainedModelParts(served: Uint8Array, location: string, state: NamedTensors, frozen?: NamedTensors): { readonly graph: Uint8Array; readonly pieces: readonly Uint8Array[] }

  /** Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1. */
  function adam(options?: AdamOptions): Optimizer

  /** Adam with decay beside the gradient (Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2). */
  function adamw(options?: AdamWOptions): Optimizer

  /** Settings of {@link adam}. */
  interface AdamOptions {
    /** Share of the mean of gradients that stays. Default: 0.9. */
    readonly beta1?: number
    /** Share of the mean of squares that stays. Default: 0.999. */
    readonly beta2?: number
    /** Added to the root of the mean of squares. Default: 1e-8. */
    readonly epsilon?: number
  }

  /** Settings of {@link adamw}. */
  interface AdamWOptions extends AdamOptions {
    /** Share of a weight, times the learning rate, that is taken off it at each step. Default: 0.01. */
    readonly weightDecay?: number
    /** What decays. Default: weights and embeddings; biases and the gains of norms do not. */
    readonly decays?: (parameter: Parameter) => boolean
  }

  /**
   * Mean cross-entropy of classes: logits `[..., classes]`, labels `[...]` integers, one a row of logits. Metric: `accuracy`,
   * the share of rows whose largest logit is at the label.
   */
  function crossEntropy(options?: CrossEntropyOptions): Loss

  /** Mean of squared differences from labels of the output's shape; of an output `[rows, 1]`, `[rows]` too. */
  function meanSquaredError(options?: LossOptions): Loss

  /**
   * Mean binary cross-entropy of logits against labels of the same shape (of logits `[rows, 1]`, `[rows]` too), from 0 to 1.
   * Metric: `accuracy`, the share that lies on the label's side of one half.
   */
  function binaryCrossEntropy(options?: LossOptions): Loss

  /** What training makes smaller: `loss`, a scalar, and other scalars to look at, from what the model gave and the batch. */
  type Loss = (s: Scope, outputs: NamedValues, batch: NamedValues) => NamedValues & { readonly loss: Value }

  /** Where a loss finds what it compares. */
  interface LossOptions {
    /** Name in the batch of what is right. Default: `labels`. */
    readonly labels?: string
    /** Name of the model's output. Default: the only one. */
    readonly output?: string
  }

  /** How {@link crossEntropy} counts. */
  interface CrossEntropyOptions extends LossOptions {
    /**
     * Share of the target that is spread evenly over all classes (Szegedy et al. 2016, "Rethinking the Inception
     * Architecture", section 7). Default: 0.
     */
    readonly smoothing?: number
  }

  /**
   * Momentum made orthogonal, by five steps of a Newton-Schulz iteration, for matrices; another optimiser for the rest
   * (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks", https://kellerjordan.github.io/posts/muon/).
   * Kernels count as matrices `[filters, all the rest]`.
   */
  function muon(options?: MuonOptions): Optimizer

  /** Settings of {@link muon}. */
  interface MuonOptions {
    /** Share of the sum of gradients that stays. Default: 0.95. */
    readonly momentum?: number
    /** Which weights it is for. Default: matrices and kernels, except the last one of the model, which gives the output. */
    readonly matrices?: (parameter: Parameter) => boolean
    /** For all other parameters. Default: Adam. */
    readonly rest?: Optimizer
    /** Learning rate of the rest, as a share of that of matrices. Default: 0.05. */
    readonly restRate?: number
  }

  /** What weight decay is for, unless told otherwise: weights and embeddings, not biases and the gains of norms. */
  function isDecaying(options: Parameter): boolean

  /** A parameter to be changed, and what for. */
  interface Trained {
    readonly parameter: Parameter
    /** Of the loss with respect to it, clipped already. */
    readonly gradient: Value
  }

  /** What an optimiser has to work with, once a step. */
  interface Update {
    readonly g: GraphBuilder
    /** f32 scalar. */
    readonly learningRate: Value
    /** f32 scalar: 1 in the first step. Asked for by those alone that need it. */
    readonly step: () => Value
    /**
     * A tensor that is kept from step to step, zeros before the first: gives what it is now, and takes what it will be.
     * Default shape: the parameter's.
     */
    readonly state: (parameter: Parameter, name: string, next: (before: Value) => Value) => Value
  }

  /** How parameters follow their gradients, as graph: gives their next values, in their order. */
  type Optimizer = (update: Update, trained: readonly Trained[]) => readonly Value[]

  /**
   * Stochastic gradient descent, with momentum as PyTorch writes it: v = momentum v + gradient, and the learning rate times v
   * is taken away (Sutskever et al. 2013, "On the importance of initialization and momentum", section 2, has the rate inside).
   */
  function sgd(options?: SgdOptions): Optimizer

  /** How {@link sgd} goes on from step to step. */
  interface SgdOptions {
    /** Share of the last change that goes on. Default: 0. */
    readonly momentum?: number
    /** Looks ahead along the momentum. Default: false. */
    readonly nesterov?: boolean
    /** Share of a weight that is added to its gradient. Default: 0. */
    readonly weightDecay?: number
    /** What decays. Default: weights and embeddings; biases and the gains of norms do not. */
    readonly decays?: (parameter: Parameter) => boolean
  }

  /** What is trained, on what, how. */
  interface TrainingInit {
    /** A layer is given the first of the inputs. */
    readonly model: Layer | Network
    /** What is made small. */
    readonly loss: Loss
    /** How gradients change parameters. */
    readonly optimizer: Optimizer
    /** Columns of the data by name, with the shape of one sample; labels too. */
    readonly inputs: Readonly<Record<string, TensorType>>
    /** Samples a step. */
    readonly batchSize: number
    /** Makes what the model and the loss are given of the columns. Default: the columns. */
    readonly prepare?: Preparation
    /** Longest L2 norm of all gradients together; the metric `gradientNorm` tells it. Default: any. */
    readonly clip?: number
    /** Parts that a batch is cut into, one after the other, their gradients averaged: the
     * memory of one is enough. Default: 1. */
    readonly accumulate?: number
    /** Metrics of the loss that each step computes besides `loss`. Default: all that the loss has. */
    readonly metrics?: readonly string[]
    /** What parameters begin with follows from it. Default: 0. */
    readonly seed?: number
    /** Values that parameters begin with in place of what layers say, by the parameters' names. */
    readonly weights?: NamedTensors
    /** Default: `cpu`. */
    readonly target?: Target
  }

  /**
   * Builds a training step. Throws `graph.*` in words that name the layer: shapes that do not meet (`graph.shape`), a
   * parameter that the loss does not depend on (`graph.unreached`), an operator without a gradient (`graph.no-gradient`),
   * a batch that is not cut evenly (`graph.batch`), a setting out of its bounds (`graph.setting`).
   */
  function trainingStep(init: TrainingInit): TrainingStep

  /** A model that can be trained: plain ONNX graphs and the tensors that they begin with. */
  interface TrainingStep {
    /** Forward, backward and optimiser as one ONNX file, with its {@link StepSignature}. */
    readonly step: Uint8Array
    readonly signature: StepSignature
    /** Of the model, in the order in which its layers asked for them. */
    readonly parameters: readonly Parameter[]
    /** What the state begins with, in the signature's order. Made anew at each call. */
    readonly initialState: () => NamedTensors
    /** Inputs that no step changes, in the signature's order. */
    readonly frozen: () => NamedTensors
    /** The same step in two graphs, for replicas whose gradients are averaged between them. Built at each call. */
    readonly split: () => SplitStep
    /** Loss and metrics of a batch of any size, as scalars, as the model is used: weights are inputs, by the state's names. */
    readonly evaluation: () => Uint8Array
    /** The model as it is used, for batches of any size; weights are inputs: {@link trainedModel} puts those of a state inside. */
    readonly served: () => Uint8Array
    /** The trained model as it leaves, for batches of any size: weights of a state inside, adapters merged. */
    readonly inference: (state: NamedTensors) => Uint8Array
    /** The same with its weights beside it, in a file called `location` whose content is `pieces`, one after the other. */
    readonly inferenceParts: (
      state: NamedTensors,
      location: string,
    ) => { readonly graph: Uint8Array; readonly pieces: readonly Uint8Array[] }
  }

  /** The characters (code points) of a text, each once, in the order of their numbers in Unicode. */
  function alphabetOf(text: string): string[]

  /** The way back from {@link encodeText}. */
  function decodeText(places: Iterable<number | bigint>, alphabet: readonly string[]): string

  /**
   * A text as places of its characters in an alphabet: `[characters] uint8`, or `uint16` for alphabets beyond 256.
   * Throws `rows.symbol` for a character that is not in it.
   */
  function encodeText(text: string, alphabet: readonly string[]): Tensor

  /**
   * The order in which an epoch visits the rows of a table: a function of seed, epoch and the table's size alone, so that
   * every machine, and a run that is taken up again, goes on with the same rows.
   *
   * A table of up to `shuffleWindowBytes` is shuffled as a whole. A larger one is cut into blocks of `shuffleBlockBytes`;
   * as many of them as fill a window, from anywhere in the table, are shuffled together, then the next ones: what an epoch
   * reads at a time fits into memory, and comes from disk or network in blocks, each once. Where blocks begin is another
   * place in each epoch. Throws `rows.seed`.
   */
  function epochOrder(options: Pick<RowTable, 'length' | 'storedBytes'>, settings: Omit<PermutationInit, 'length'>): Permutation

  /** The numbers at places `from` to `to` of an order, as `RowTable.gather` takes them. */
  function placesOf(order: Permutation, from: number, to: number): Float64Array

  /** What more is known of tensors that become a table. */
  interface MemoryTableInit {
    /** By column. */
    readonly symbols?: Readonly<Record<string, readonly string[]>>
    /** Default: the SHA-256 of names, types, shapes and bytes. */
    readonly identity?: string
  }

  /**
   * Tensors in memory, whose axis 0 is the rows, as a table over the same memory.
   * Throws `rows.columns`, and what `checkTensors` and `commonRowCount` throw.
   */
  function memoryTable(tensors: NamedTensors, init?: MemoryTableInit): RowTable

  /** Numbers 0 to `length` in another order; `at(i)` is the i-th. */
  interface Permutation {
    readonly length: number
    /** The number at a place, from 0. Throws `rows.range`. */
    at(index: number): number
  }

  /** What an order follows from. */
  interface PermutationInit {
    /** Whole numbers of up to 2^53 - 1. */
    readonly seed: number
    /** Which pass over the rows: each has another order. */
    readonly epoch: number
    /** How many numbers. */
    readonly length: number
  }

  /**
   * A pseudo-random order of `length` numbers as a function: no memory for all of them, any place by itself, the same on
   * every machine. A Feistel network over pairs (Black and Rogaway 2002, "Ciphers with Arbitrary Finite Domains",
   * sections 3 and 5): a number is a pair (left, right) of a grid that is just large enough, rounds add a keyed hash of one
   * half to the other, and what falls outside of the length goes round again. Keys are the SHA-256 of seed and epoch.
   *
   * Not for secrets. Throws `rows.seed`.
   */
  function permutation(init: PermutationInit): Permutation

  /** A table as the bytes of a row file, in pieces of about a chunk: what a blob store or a file is filled with. */
  function encodeRows(table: RowTable, signal?: AbortSignal): AsyncGenerator<Uint8Array>

  /** `rows` rows of some tensors as they lie in a row file. */
  function interleaved(columns: readonly RowColumn[], tensors: NamedTensors, rows: number): Uint8Array

  /** Whether bytes begin as a row file does: told from the first four, so that no name has to say it. */
  function isRowFile(head: Uint8Array): boolean

  /** What a row file begins with. Throws `rows.columns`. */
  function rowFileHeader(columns: readonly RowColumn[], rows: number): Uint8Array

  /** Bytes of one row of a column. */
  function columnBytes(options: Pick<RowColumn, 'dtype' | 'shape'>): number

  /** One named column of a {@link RowTable}: every row of it has this element type and shape. */
  interface RowColumn {
    readonly name: string
    /** Not `string`: rows of any length have no place that follows from their number. */
    readonly dtype: DType
    /** Of one row; `[]` for one element a row. */
    readonly shape: readonly number[]
    /** What the integers of the column stand for, by number: names of classes, characters of an alphabet. */
    readonly symbols?: readonly string[]
  }

  /**
   * Rows that can be had in any order, which is what training needs of data: a batch is `gather` of the rows that
   * {@link ./epoch-order.ts} names. In memory, over a file, or over a blob of which only what is gathered comes here.
   */
  interface RowTable {
    readonly columns: readonly RowColumn[]
    /** Rows in all. */
    readonly length: number
    /** Bytes that the rows lie in: what decides how far {@link ./epoch-order.ts} shuffles. */
    readonly storedBytes: number
    /** A SHA-256 that names what the rows are, the same on every machine: other rows, another identity. */
    readonly identity: string
    /**
     * The rows of these numbers, in this order: a tensor of `[rows, ...shape]` for each column. Copied into the memory of
     * `into` (see {@link roomFor}; at least as many rows) or, without it, into memory of its own. A row may be asked for
     * more than once. Throws `rows.range`, `rows.room`, and what reading the place where they lie throws.
     */
    gather(rows: ArrayLike<number>, into?: NamedTensors): Promise<NamedTensors>
    /** Lets go of what it reads from. */
    close(): Promise<void>
  }

  /** Memory for up to `rows` rows, to be given to {@link RowTable.gather} again and again. Zeros. */
  function roomFor(columns: readonly RowColumn[], rows: number): NamedTensors

  /** How a stored table is opened. */
  interface StoredTableInit {
    /** The root of the blob that it is, or what else tells its content from another. */
    readonly identity: string
    /** Memory for what was read. Default: the limit `rowCacheBytes`, which holds two windows of an epoch. */
    readonly cacheBytes?: number
  }

  /**
   * A row file as a table that need not fit into memory: rows are read in pages as large, and cut, as the chunks of a
   * blob; the pages used last stay. Takes `bytes` over: closing the table closes them. Throws `rows.malformed`, having
   * closed them; its `gather` what reading the bytes throws.
   */
  function storedTable(bytes: ByteSource, init: StoredTableInit): Promise<RowTable>

  /** How a sequence is cut into rows. */
  interface WindowsInit {
    /** What the one column is called. Default: `tokens`. */
    readonly name?: string
    /** Elements of a row: a context of T and the element after it are T + 1. */
    readonly size: number
    /** Elements from the beginning of one row to that of the next. Default: 1, each place of the sequence begins a row. */
    readonly stride?: number
    /** What each number of the sequence stands for. Default: numbers stand for themselves. */
    readonly symbols?: readonly string[]
  }

  /**
   * Windows of a sequence, such as the characters of a book, as rows of a table: row i is elements `i * stride` to
   * `i * stride + size`. They overlap in memory, so a million of them take no more than the sequence.
   * `sequence: dtype[n]`, n >= size. Throws `rows.window`.
   */
  function windowsOf(sequence: Tensor, init: WindowsInit): RowTable

  /**
   * One attribute of a node; `type` says which of the fields holds it.
   *
   * @generated from message onnx.AttributeProto
   */
  type AttributeProto = Message<"onnx.AttributeProto"> & {
    /**
     * @generated from field: optional string name = 1;
     */
    name: string;

    /**
     * inside a function: the function's attribute it stands for
     *
     * @generated from field: optional string ref_attr_name = 21;
     */
    refAttrName: string;

    /**
     * @generated from field: optional string doc_string = 13;
     */
    docString: string;

    /**
     * @generated from field: optional int32 type = 20;
     */
    type: number;

    /**
     * @generated from field: optional float f = 2;
     */
    f: number;

    /**
     * @generated from field: optional int64 i = 3;
     */
    i: bigint;

    /**
     * @generated from field: optional bytes s = 4;
     */
    s: Uint8Array;

    /**
     * @generated from field: optional onnx.TensorProto t = 5;
     */
    t?: TensorProto | undefined;

    /**
     * @generated from field: optional onnx.GraphProto g = 6;
     */
    g?: GraphProto | undefined;

    /**
     * @generated from field: optional onnx.SparseTensorProto sparse_tensor = 22;
     */
    sparseTensor?: SparseTensorProto | undefined;

    /**
     * @generated from field: optional onnx.TypeProto tp = 14;
     */
    tp?: TypeProto | undefined;

    /**
     * @generated from field: repeated float floats = 7;
     */
    floats: number[];

    /**
     * @generated from field: repeated int64 ints = 8;
     */
    ints: bigint[];

    /**
     * @generated from field: repeated bytes strings = 9;
     */
    strings: Uint8Array[];

    /**
     * @generated from field: repeated onnx.TensorProto tensors = 10;
     */
    tensors: TensorProto[];

    /**
     * @generated from field: repeated onnx.GraphProto graphs = 11;
     */
    graphs: GraphProto[];

    /**
     * @generated from field: repeated onnx.SparseTensorProto sparse_tensors = 23;
     */
    sparseTensors: SparseTensorProto[];

    /**
     * @generated from field: repeated onnx.TypeProto type_protos = 15;
     */
    typeProtos: TypeProto[];
  }

  /**
   * An operator written as a graph of others.
   *
   * @generated from message onnx.FunctionProto
   */
  type FunctionProto = Message<"onnx.FunctionProto"> & {
    /**
     * @generated from field: optional string name = 1;
     */
    name: string;

    /**
     * @generated from field: repeated string input = 4;
     */
    input: string[];

    /**
     * @generated from field: repeated string output = 5;
     */
    output: string[];

    /**
     * @generated from field: repeated string attribute = 6;
     */
    attribute: string[];

    /**
     * @generated from field: repeated onnx.AttributeProto attribute_proto = 11;
     */
    attributeProto: AttributeProto[];

    /**
     * @generated from field: repeated onnx.NodeProto node = 7;
     */
    node: NodeProto[];

    /**
     * @generated from field: optional string doc_string = 8;
     */
    docString: string;

    /**
     * @generated from field: repeated onnx.OperatorSetIdProto opset_import = 9;
     */
    opsetImport: OperatorSetIdProto[];

    /**
     * @generated from field: optional string domain = 10;
     */
    domain: string;

    /**
     * @generated from field: optional string overload = 13;
     */
    overload: string;

    /**
     * @generated from field: repeated onnx.ValueInfoProto value_info = 12;
     */
    valueInfo: ValueInfoProto[];

    /**
     * @generated from field: repeated onnx.StringStringEntryProto metadata_props = 14;
     */
    metadataProps: StringStringEntryProto[];
  }

  /**
   * Nodes in topological order between inputs and outputs; every value has one producer and a name.
   *
   * @generated from message onnx.GraphProto
   */
  type GraphProto = Message<"onnx.GraphProto"> & {
    /**
     * @generated from field: repeated onnx.NodeProto node = 1;
     */
    node: NodeProto[];

    /**
     * @generated from field: optional string name = 2;
     */
    name: string;

    /**
     * @generated from field: repeated onnx.TensorProto initializer = 5;
     */
    initializer: TensorProto[];

    /**
     * @generated from field: repeated onnx.SparseTensorProto sparse_initializer = 15;
     */
    sparseInitializer: SparseTensorProto[];

    /**
     * @generated from field: optional string doc_string = 10;
     */
    docString: string;

    /**
     * @generated from field: repeated onnx.ValueInfoProto input = 11;
     */
    input: ValueInfoProto[];

    /**
     * @generated from field: repeated onnx.ValueInfoProto output = 12;
     */
    output: ValueInfoProto[];

    /**
     * @generated from field: repeated onnx.ValueInfoProto value_info = 13;
     */
    valueInfo: ValueInfoProto[];

    /**
     * @generated from field: repeated onnx.TensorAnnotation quantization_annotation = 14;
     */
    quantizationAnnotation: TensorAnnotation[];

    /**
     * @generated from field: repeated onnx.StringStringEntryProto metadata_props = 16;
     */
    metadataProps: StringStringEntryProto[];
  }

  /**
   * The type `Message` contains the properties shared by all messages.
   */
  type Message<TypeName extends string = string> = {
      /**
       * The fully qualified Protobuf type-name of the message.
       */
      readonly $typeName: TypeName;
      /**
       * Unknown fields and extensions stored on the message.
       */
      $unknown?: UnknownField[] | undefined;
  }

  /**
   * The file.
   *
   * @generated from message onnx.ModelProto
   */
  type ModelProto = Message<"onnx.ModelProto"> & {
    /**
     * @generated from field: optional int64 ir_version = 1;
     */
    irVersion: bigint;

    /**
     * @generated from field: repeated onnx.OperatorSetIdProto opset_import = 8;
     */
    opsetImport: OperatorSetIdProto[];

    /**
     * @generated from field: optional string producer_name = 2;
     */
    producerName: string;

    /**
     * @generated from field: optional string producer_version = 3;
     */
    producerVersion: string;

    /**
     * @generated from field: optional string domain = 4;
     */
    domain: string;

    /**
     * @generated from field: optional int64 model_version = 5;
     */
    modelVersion: bigint;

    /**
     * @generated from field: optional string doc_string = 6;
     */
    docString: string;

    /**
     * @generated from field: optional onnx.GraphProto graph = 7;
     */
    graph?: GraphProto | undefined;

    /**
     * @generated from field: repeated onnx.StringStringEntryProto metadata_props = 14;
     */
    metadataProps: StringStringEntryProto[];

    /**
     * @generated from field: repeated onnx.TrainingInfoProto training_info = 20;
     */
    trainingInfo: TrainingInfoProto[];

    /**
     * @generated from field: repeated onnx.FunctionProto functions = 25;
     */
    functions: FunctionProto[];
  }

  /**
   * @generated from message onnx.NodeProto
   */
  type NodeProto = Message<"onnx.NodeProto"> & {
    /**
     * "" for an optional input that is absent
     *
     * @generated from field: repeated string input = 1;
     */
    input: string[];

    /**
     * @generated from field: repeated string output = 2;
     */
    output: string[];

    /**
     * @generated from field: optional string name = 3;
     */
    name: string;

    /**
     * @generated from field: optional string op_type = 4;
     */
    opType: string;

    /**
     * @generated from field: optional string domain = 7;
     */
    domain: string;

    /**
     * @generated from field: optional string overload = 8;
     */
    overload: string;

    /**
     * @generated from field: repeated onnx.AttributeProto attribute = 5;
     */
    attribute: AttributeProto[];

    /**
     * @generated from field: optional string doc_string = 6;
     */
    docString: string;

    /**
     * @generated from field: repeated onnx.StringStringEntryProto metadata_props = 9;
     */
    metadataProps: StringStringEntryProto[];
  }

  /**
   * An operator set and its version; the empty domain is ONNX's own.
   *
   * @generated from message onnx.OperatorSetIdProto
   */
  type OperatorSetIdProto = Message<"onnx.OperatorSetIdProto"> & {
    /**
     * @generated from field: optional string domain = 1;
     */
    domain: string;

    /**
     * @generated from field: optional int64 version = 2;
     */
    version: bigint;
  }

  /**
   * @generated from message onnx.SparseTensorProto
   */
  type SparseTensorProto = Message<"onnx.SparseTensorProto"> & {
    /**
     * @generated from field: optional onnx.TensorProto values = 1;
     */
    values?: TensorProto | undefined;

    /**
     * @generated from field: optional onnx.TensorProto indices = 2;
     */
    indices?: TensorProto | undefined;

    /**
     * @generated from field: repeated int64 dims = 3;
     */
    dims: bigint[];
  }

  /**
   * @generated from message onnx.StringStringEntryProto
   */
  type StringStringEntryProto = Message<"onnx.StringStringEntryProto"> & {
    /**
     * @generated from field: optional string key = 1;
     */
    key: string;

    /**
     * @generated from field: optional string value = 2;
     */
    value: string;
  }

  /**
   * Scales and zero points of a quantised value.
   *
   * @generated from message onnx.TensorAnnotation
   */
  type TensorAnnotation = Message<"onnx.TensorAnnotation"> & {
    /**
     * @generated from field: optional string tensor_name = 1;
     */
    tensorName: string;

    /**
     * @generated from field: repeated onnx.StringStringEntryProto quant_parameter_tensor_names = 2;
     */
    quantParameterTensorNames: StringStringEntryProto[];
  }

  /**
   * A constant. Its elements lie in raw_data (little-endian), in the typed field of its data type, or in another file.
   *
   * @generated from message onnx.TensorProto
   */
  type TensorProto = Message<"onnx.TensorProto"> & {
    /**
     * @generated from field: repeated int64 dims = 1;
     */
    dims: bigint[];

    /**
     * @generated from field: optional int32 data_type = 2;
     */
    dataType: number;

    /**
     * @generated from field: optional onnx.TensorProto.Segment segment = 3;
     */
    segment?: TensorProto_Segment | undefined;

    /**
     * @generated from field: repeated float float_data = 4 [packed = true];
     */
    floatData: number[];

    /**
     * also the narrower types, one element each
     *
     * @generated from field: repeated int32 int32_data = 5 [packed = true];
     */
    int32Data: number[];

    /**
     * @generated from field: repeated bytes string_data = 6;
     */
    stringData: Uint8Array[];

    /**
     * @generated from field: repeated int64 int64_data = 7 [packed = true];
     */
    int64Data: bigint[];

    /**
     * @generated from field: optional string name = 8;
     */
    name: string;

    /**
     * @generated from field: optional bytes raw_data = 9;
     */
    rawData: Uint8Array;

    /**
     * @generated from field: repeated double double_data = 10 [packed = true];
     */
    doubleData: number[];

    /**
     * @generated from field: repeated uint64 uint64_data = 11 [packed = true];
     */
    uint64Data: bigint[];

    /**
     * @generated from field: optional string doc_string = 12;
     */
    docString: string;

    /**
     * @generated from field: repeated onnx.StringStringEntryProto external_data = 13;
     */
    externalData: StringStringEntryProto[];

    /**
     * 1: in the file that external_data names
     *
     * @generated from field: optional int32 data_location = 14;
     */
    dataLocation: number;

    /**
     * @generated from field: repeated onnx.StringStringEntryProto metadata_props = 16;
     */
    metadataProps: StringStringEntryProto[];
  }

  /**
   * @generated from message onnx.TensorProto.Segment
   */
  type TensorProto_Segment = Message<"onnx.TensorProto.Segment"> & {
    /**
     * @generated from field: optional int64 begin = 1;
     */
    begin: bigint;

    /**
     * @generated from field: optional int64 end = 2;
     */
    end: bigint;
  }

  /**
   * Dimensions are a number, a name that stands for the same number wherever it appears, or neither.
   *
   * @generated from message onnx.TensorShapeProto
   */
  type TensorShapeProto = Message<"onnx.TensorShapeProto"> & {
    /**
     * @generated from field: repeated onnx.TensorShapeProto.Dimension dim = 1;
     */
    dim: TensorShapeProto_Dimension[];
  }

  /**
   * @generated from message onnx.TensorShapeProto.Dimension
   */
  type TensorShapeProto_Dimension = Message<"onnx.TensorShapeProto.Dimension"> & {
    /**
     * @generated from oneof onnx.TensorShapeProto.Dimension.value
     */
    value: {
      /**
       * @generated from field: int64 dim_value = 1;
       */
      value: bigint;
      case: "dimValue";
    } | {
      /**
       * @generated from field: string dim_param = 2;
       */
      value: string;
      case: "dimParam";
    } | { case: undefined; value?: undefined };

    /**
     * @generated from field: optional string denotation = 3;
     */
    denotation: string;
  }

  /**
   * A training step that a file may carry beside its graph.
   *
   * @generated from message onnx.TrainingInfoProto
   */
  type TrainingInfoProto = Message<"onnx.TrainingInfoProto"> & {
    /**
     * @generated from field: optional onnx.GraphProto initialization = 1;
     */
    initialization?: GraphProto | undefined;

    /**
     * @generated from field: optional onnx.GraphProto algorithm = 2;
     */
    algorithm?: GraphProto | undefined;

    /**
     * @generated from field: repeated onnx.StringStringEntryProto initialization_binding = 3;
     */
    initializationBinding: StringStringEntryProto[];

    /**
     * @generated from field: repeated onnx.StringStringEntryProto update_binding = 4;
     */
    updateBinding: StringStringEntryProto[];
  }

  /**
   * @generated from message onnx.TypeProto
   */
  type TypeProto = Message<"onnx.TypeProto"> & {
    /**
     * @generated from oneof onnx.TypeProto.value
     */
    value: {
      /**
       * @generated from field: onnx.TypeProto.Tensor tensor_type = 1;
       */
      value: TypeProto_Tensor;
      case: "tensorType";
    } | {
      /**
       * @generated from field: onnx.TypeProto.Sequence sequence_type = 4;
       */
      value: TypeProto_Sequence;
      case: "sequenceType";
    } | {
      /**
       * @generated from field: onnx.TypeProto.Map map_type = 5;
       */
      value: TypeProto_Map;
      case: "mapType";
    } | {
      /**
       * @generated from field: onnx.TypeProto.Optional optional_type = 9;
       */
      value: TypeProto_Optional;
      case: "optionalType";
    } | {
      /**
       * @generated from field: onnx.TypeProto.SparseTensor sparse_tensor_type = 8;
       */
      value: TypeProto_SparseTensor;
      case: "sparseTensorType";
    } | { case: undefined; value?: undefined };

    /**
     * @generated from field: optional string denotation = 6;
     */
    denotation: string;
  }

  /**
   * @generated from message onnx.TypeProto.Map
   */
  type TypeProto_Map = Message<"onnx.TypeProto.Map"> & {
    /**
     * @generated from field: optional int32 key_type = 1;
     */
    keyType: number;

    /**
     * @generated from field: optional onnx.TypeProto value_type = 2;
     */
    valueType?: TypeProto | undefined;
  }

  /**
   * @generated from message onnx.TypeProto.Optional
   */
  type TypeProto_Optional = Message<"onnx.TypeProto.Optional"> & {
    /**
     * @generated from field: optional onnx.TypeProto elem_type = 1;
     */
    elemType?: TypeProto | undefined;
  }

  /**
   * @generated from message onnx.TypeProto.Sequence
   */
  type TypeProto_Sequence = Message<"onnx.TypeProto.Sequence"> & {
    /**
     * @generated from field: optional onnx.TypeProto elem_type = 1;
     */
    elemType?: TypeProto | undefined;
  }

  /**
   * @generated from message onnx.TypeProto.SparseTensor
   */
  type TypeProto_SparseTensor = Message<"onnx.TypeProto.SparseTensor"> & {
    /**
     * @generated from field: optional int32 elem_type = 1;
     */
    elemType: number;

    /**
     * @generated from field: optional onnx.TensorShapeProto shape = 2;
     */
    shape?: TensorShapeProto | undefined;
  }

  /**
   * @generated from message onnx.TypeProto.Tensor
   */
  type TypeProto_Tensor = Message<"onnx.TypeProto.Tensor"> & {
    /**
     * @generated from field: optional int32 elem_type = 1;
     */
    elemType: number;

    /**
     * @generated from field: optional onnx.TensorShapeProto shape = 2;
     */
    shape?: TensorShapeProto | undefined;
  }

  /**
   * Unknown fields are fields that were not recognized during parsing, or
   * extension.
   */
  type UnknownField = {
      readonly no: number;
      readonly wireType: WireType;
      readonly data: Uint8Array;
  }

  /**
   * @generated from message onnx.ValueInfoProto
   */
  type ValueInfoProto = Message<"onnx.ValueInfoProto"> & {
    /**
     * @generated from field: optional string name = 1;
     */
    name: string;

    /**
     * @generated from field: optional onnx.TypeProto type = 2;
     */
    type?: TypeProto | undefined;

    /**
     * @generated from field: optional string doc_string = 3;
     */
    docString: string;

    /**
     * @generated from field: repeated onnx.StringStringEntryProto metadata_props = 4;
     */
    metadataProps: StringStringEntryProto[];
  }

  /**
   * Protobuf binary format wire types.
   *
   * A wire type provides just enough information to find the length of the
   * following value.
   *
   * See https://developers.google.com/protocol-buffers/docs/encoding#structure
   */
  enum WireType {
    /**
     * Used for int32, int64, uint32, uint64, sint32, sint64, bool, enum
     */
    Varint = 0,
    /**
     * Used for fixed64, sfixed64, double.
     * Always 8 bytes with little-endian byte order.
     */
    Bit64 = 1,
    /**
     * Used for string, bytes, embedded messages, packed repeated fields
     *
     * Only repeated numeric types (types which use the varint, 32-bit,
     * or 64-bit wire types) can be packed. In proto3, such fields are
     * packed by default.
     */
    LengthDelimited = 2,
    /**
     * Start of a tag-delimited aggregate, such as a proto2 group, or a message
     * in editions with message_encoding = DELIMITED.
     */
    StartGroup = 3,
    /**
     * End of a tag-delimited aggregate.
     */
    EndGroup = 4,
    /**
     * Used for fixed32, sfixed32, float.
     * Always 4 bytes with little-endian byte order.
     */
    Bit32 = 5,
  }
}

declare module 'aivida/session' {
  import type * as Core from '@tensorflow/tfjs-core'
  import type { AividaError, Checkpoint, DType, DataEntry, InferRequest, JobRecordDocument, JobStatus, NamedTensors, NodeEvent, NodeInfo, ParametersOf, PeerView, RankedTrial, ResultPart, SourceSpec, Space, Sweep, SweepDefinition, SweepEvent, Tensor, TensorArray, TensorType, TfjsModel, Training, TrainingData, TrainingDefinition, TrainingEvent } from 'aivida'
  import type { Table } from 'apache-arrow'

  import tfPackage = require('aivida/session/tf')
  import arrowPackage = require('apache-arrow')

  global {
    /** The cluster: `cluster.train`, `cluster.infer`, `cluster.sweep`, `cluster.job(id)`, `cluster.start()`. */
    const cluster: Cluster
    /** Shows any value, as often as one likes: `display(value)`, `display.html(markup)`; `.update(value)` replaces it. */
    const display: Display
    /** Draws tables, arrays and tensors: `plot.line(metrics, { x: 'step', y: 'loss' })`, `plot.confusion(labels, predicted)`. */
    const plot: Plot
    /** TensorFlow.js: core and layers. Its tensors and models go into `cluster.infer` and `cluster.train` as they are. */
    export import tf = tfPackage
    /** Apache Arrow: results are its tables. */
    export import arrow = arrowPackage
    /** Asks DuckDB of tables and files. */
    const sql: Sql
    /**
     * Columns of an Arrow table, such as a result, as tensors of TensorFlow.js, by their names: `const { row, output } = await
     * toTensors(rows)`. `output` is the only column beside `row`, whatever it is called. Default: all that a tensor can hold. Integers
     * become `int32`, floats `float32`. Throws `input.column`, also for `output` where there are several, `input.value`.
     */
    const toTensors: (table: Table, columns?: readonly string[]) => Promise<Record<string, Core.Tensor>>
  }

  /** How data are kept. */
  interface AddDataOptions {
    /** What they are called. Default: as the file. */
    readonly name?: string
    /** How long. Default: 30 days. `Infinity`: until they are removed. Ms. */
    readonly keepMs?: number
    /** What the bytes must hash to. */
    readonly sha256?: string
  }

  /** A job that was found again, whatever it computes: `cluster.job(id, 'train')` is one whose kind is known. */
  interface AnyJob extends Job<JobResult, NodeEvent> {
    /** Asked for when it is first needed. */
    readonly program: Promise<JobProgram>
  }

  /** A chart: shown when a cell ends with it, or by `display(chart)`. */
  interface Chart extends Displayable {
    /** As an SVG file of its own. */
    readonly svg: string
    /** As a Vega-Lite 5 specification. */
    readonly vegalite: object
    /** For front ends, the richest form first that they know. */
    [DISPLAY](): MimeBundle
  }

  /**
   * The cluster that this notebook works with: the node on this machine, and all machines that it is connected to. Jobs are the
   * node's: they go on when the kernel ends, and any notebook of this user finds them again by their ids. Who may open a job by its
   * id: whoever may open the control socket of its node, which is that node's user alone; and, to read, the nodes of the job's account
   * and of those that it was shared with (`job.share('ac_...')`).
   */
  interface Cluster extends Displayable {
    /** Files and downloads that the node keeps for jobs: `add`, `list`, `remove`. */
    readonly data: ClusterData
    /**
     * Trains a model, on one machine or on many at once (`workers`). Returns at once, and shows the training in this cell; `await`
     * gives what it came to. Of a `training()` made before, options come second.
     *
     * Awaiting throws `train.*` and `graph.*` for what does not fit together, `input.*` for data, `train.diverged`,
     * `node.not-running`, `cell.interrupted`.
     */
    train(given: TrainOptions | Training, options?: JobOptions): TrainingJob
    /**
     * Runs a model over rows. Returns at once, and shows the job in this cell; `await` gives the result as an Arrow table: `row`,
     * and a column each output of the model.
     *
     * Awaiting throws `input.*` and `source.*` for rows that do not fit the model, `model.*`, `node.not-running`, `cell.interrupted`.
     */
    infer(options: InferOptions): InferenceJob
    /**
     * Tries many trainings and tells which is best. Returns at once, and shows the sweep in this cell; `await` gives the table of
     * its trials, the best of them and its model. Of a `sweep()` made before, options come second.
     *
     * Awaiting throws `sweep.*`, what trainings throw, `node.not-running`, `cell.interrupted`.
     */
    sweep<const S extends Space>(given: SweepOptions<S> | Sweep, options?: JobOptions): SweepJob
    /**
     * A job of this node found again by its id, whichever notebook or command submitted it; with its program, as what that gives.
     * It goes on when the cell that awaits it is interrupted. Also one that another node lets this one read, by its id or as
     * `JOB@NODE`: what it came to is brought here, and all else throws `share.read-only`. Awaiting throws `job.unknown`,
     * `job.other-program`, `share.*` such as `share.node-away`.
     */
    job(id: string): AnyJob
    job(id: string, program: 'train'): TrainingJob
    job(id: string, program: 'infer'): InferenceJob
    job(id: string, program: 'sweep'): SweepJob
    /** Jobs of this node, newest first; shown as a table. Throws `node.not-running`. */
    jobs(): Promise<JobStatus[]>
    /** Jobs of other nodes that this one may read, as far as they are here, newest first; shown as a table. Throws `node.not-running`. */
    shared(): Promise<JobStatus[]>
    /** This node and the machines that it is connected to; shown as a table. Throws `node.not-running`. */
    peers(): Promise<PeerView[]>
    /** The node on this machine. Throws `node.not-running`. */
    info(): Promise<NodeInfo>
    /**
     * Starts a node in the background, as `aivida up` does; it founds a cluster of one where there is none. `workers`: that many
     * more nodes on this machine, which compute for it. All of them outlive the kernel; {@link stop} ends them. One that runs
     * already is left as it is. Resolves when they take work. Throws what the node failed of.
     */
    start(options?: StartOptions): Promise<NodeInfo>
    /**
     * Ends the workers that {@link start} started on this machine, then the node. Jobs that run go on when it is started again.
     * Gives the names of those that were stopped. Throws `node.not-running`.
     */
    stop(): Promise<string[]>
    /** A card of who is here; without a node, how to start one. */
    [DISPLAY](): Promise<MimeBundle>
  }

  /** Data that the node keeps, by their content, for jobs to read: files and downloads. */
  interface ClusterData {
    /**
     * Brings a file here and keeps it: a path, an http(s) address, or `s3://BUCKET/KEY`, whose keys stay in this process. Resolves
     * when it is here; its `path` is what jobs can be given. An interrupt ends the waiting, and it goes on arriving. Throws
     * `data.*`, `remote.*`.
     */
    add(source: string, options?: AddDataOptions): Promise<DataEntry>
    /**
     * Keeps rows that are in memory - an Arrow table, tensors or typed arrays by the names of columns - as an Arrow file. Resolves when they are here
     * and their hash is known; the same name again replaces them. An interrupt calls it off. Throws `input.*`, `data.*`, `disk.*`.
     */
    put(name: string, rows: Rows, options?: Pick<AddDataOptions, 'keepMs'>): Promise<DataEntry>
    /** All that is kept, arriving, or has failed to arrive, by name; shown as a table. */
    list(): Promise<DataEntry[]>
    /** Lets data go, or calls their arrival off. Throws `data.unknown`. */
    remove(name: string): Promise<void>
  }

  /** The method of a value that says how it is shown: the convention of Deno's kernel. */
  const DISPLAY: unique symbol

  /** Shows values in the cell that calls it, as many as one likes; each call gives a handle that can update what it showed. */
  interface Display {
    /** Any value, as a cell's last expression is shown. */
    (value: unknown): DisplayHandle
    /** HTML of your own. Text of others in it is for you to escape. */
    html(markup: string): DisplayHandle
    /** Markdown, as front ends render it; HTML in it is left out by most. */
    markdown(text: string): DisplayHandle
    /** An SVG picture, as a picture: scripts in it do not run. */
    svg(picture: string): DisplayHandle
    /** A tree to be folded, where the front end has one. */
    json(value: unknown): DisplayHandle
    /** A Vega-Lite 5 specification. JupyterLab draws it; the classic notebook shows its text. */
    vegalite(spec: object): DisplayHandle
    /**
     * Images of a tensor: `[images, height, width]`, with channels (1, 3 or 4) behind or before height and width or without. Bytes
     * are shown as they are, other numbers from 0 to 1. Throws `display.images`.
     */
    images(tensor: unknown, options?: ImagesOptions): DisplayHandle
    /** Takes away what the cell has put out. `wait`: when it puts out something else, so that nothing flickers. Default: at once. */
    clear(options?: { readonly wait?: boolean }): void
  }

  /** Something that is shown, and can be shown anew in its place. */
  interface DisplayHandle {
    readonly id: string
    /** Shows another value in its place, in whichever cell that is. */
    update(value: unknown): void
  }

  /** A value that says itself how it is shown. */
  interface Displayable {
    /** The forms it is shown in. What it rejects with is shown in its place. */
    [DISPLAY](): MimeBundle | Promise<MimeBundle>
  }

  /** How images are shown. */
  interface ImagesOptions {
    /** Images in a row; where they do not fit, they are made smaller. Default: as many as fit. */
    readonly columns?: number
    /** What stands below each. */
    readonly labels?: ArrayLike<unknown>
    /** Pixels across, of one image. Default: enlarged to be told apart, never made smaller. */
    readonly width?: number
  }

  /** What a cell says of batch inference: a model, rows, and what `aivida infer` takes beside them. */
  interface InferOptions extends Omit<InferRequest, 'model' | 'input'>, JobOptions {
    /** See {@link ModelInput}. */
    readonly model: ModelInput
    /** Columns are called as the model's inputs; rows in memory are brought into the types that it asks for. */
    readonly input: RowsInput
  }

  /**
   * Batch inference on its way. `await` gives the result as one Arrow table: `row`, the input's row, then a column each output of
   * the model. Its events are the node's.
   */
  interface InferenceJob extends Job<Table, NodeEvent> {
    readonly program: Promise<'infer'>
    /** The rows that are there so far, as one table. */
    rows(): Promise<Table>
    /** The result part by part as it comes, for one that is larger than memory or is to be seen early: a table each. */
    tables(): AsyncGenerator<Table, void, void>
  }

  /**
   * A job of the node on this machine, as cells hold it. `await job` waits for its result; `for await (const event of job)` hears
   * what happens on the way, what has happened before included. It lives in the node, not in the notebook: it goes on when the
   * kernel is restarted, and `cluster.job(await job.id)` finds it again, from any notebook of this user, and of those it is shared with.
   *
   * Interrupting a cell cancels the jobs that this very cell submitted, unless `{ detach: true }`; others go on, and only the
   * waiting ends, with `cell.interrupted`.
   */
  interface Job<Result, Event> extends PromiseLike<Result>, AsyncIterable<Event> {
    /** What it computes. Rejects with what its submission failed of. */
    readonly program: Promise<JobProgram>
    /** Its id, once the node has it. Rejects with what its submission failed of. */
    readonly id: Promise<string>
    /** Where it stands. Throws `node.not-running`, `job.unknown`. */
    status(): Promise<JobStatus>
    /** Stops it, on all workers; one that has ended is left as it is. Answers with its state afterwards. */
    cancel(reason?: string): Promise<JobStatus>
    /**
     * Lets it have so many workers at once from now on, more or fewer; those beyond them end what they were given. Throws
     * `job.ended`, `scale.single` for a training on one worker, `scale.workers` for more or fewer than it can have.
     */
    scale(to: { readonly workers: number }): Promise<JobStatus>
    /** Finished parts so far: Arrow files in its output folder on this machine, which can be read while it runs. */
    parts(): Promise<ResultPart[]>
    /** How it has gone so far: who computed what, in which class. Throws `record.none`. */
    record(): Promise<JobRecordDocument>
    /** How it has gone so far as a page for people; shown in the cell, or `(await job.report()).save('report.html')`. */
    report(): Promise<JobReport>
    /**
     * Writes a training as one file, a tar archive, from which anybody can do it again: `npx aivida jobs replay FILE`. Gives the
     * file's path. `data`: whether its rows come along; by default they do. Its folder is made. Throws `bundle.*`.
     */
    bundle(file: string, options?: { readonly data?: boolean }): Promise<string>
    /**
     * Lets others have it. With a file: a `.html` is its report, which any browser opens; a `.tar` has the report, the result as Arrow,
     * and of a training or a sweep the model and the best state; no path of this machine is in it. Gives the file's path;
     * its folder is made.
     *
     * With an account (`ac_...`) of the same cluster: its nodes may read the job - status, report, results, model - and nothing else, from
     * now on until {@link unshare}, over restarts of this node. Gives what its people write: `await cluster.job('JOB@NODE')`. A note
     * in the cell says so where no member of the cluster is of that account.
     *
     * Throws `share.file`, `share.account`, `share.read-only` for a job of another node, `share.own`, `share.too-many`.
     */
    share(target: string): Promise<string>
    /** Lets the nodes of an account read it no longer; what they have fetched stays theirs. Gives the accounts that still may. */
    unshare(account: string): Promise<string[]>
    /** As of a promise: with the result, or with what it failed of. */
    then<A = Result, B = never>(onResult?: ((result: Result) => A | PromiseLike<A>) | null, onError?: ((error: AividaError) => B | PromiseLike<B>) | null): Promise<A | B>
    /** As of a promise. */
    catch<B = never>(onError: (error: AividaError) => B | PromiseLike<B>): Promise<Result | B>
    /** As of a promise. */
    finally(onEnd: () => void): Promise<Result>
    /** What happens, from its beginning, until it has ended. Of the cell that is interrupted the loop ends with `cell.interrupted`. */
    [Symbol.asyncIterator](): AsyncGenerator<Event, void, void>
  }

  /** What each call that submits a job may be told. */
  interface JobOptions {
    /** Whether the cell shows the job as it goes on. Default: `true`. */
    readonly show?: boolean
    /** Whether an interrupt of the cell leaves the job alone. Default: `false`, it cancels it. */
    readonly detach?: boolean
  }

  /** What a job computes. */
  type JobProgram = 'infer' | 'train' | 'sweep'

  /** How a job went, as one HTML page that needs no network and no scripts. A cell that ends with it shows it. */
  interface JobReport extends Displayable {
    /** The job's id. */
    readonly job: string
    readonly html: string
    /** Writes the page, and makes its folder; gives the file's path. */
    save(file: string): Promise<string>
    /** In a frame of its own: its style is not the notebook's. */
    [DISPLAY](): MimeBundle
  }

  /** What any job came to: of inference a table of its rows. */
  type JobResult = Table | Trained | Swept

  /** How a matrix is drawn. */
  interface MatrixOptions {
    /** Stands above it. Default: none. */
    readonly title?: string
    /** Names of the rows ... */
    readonly rows?: readonly unknown[]
    /** ... and of the columns. Default: their numbers. */
    readonly columns?: readonly unknown[]
    /** Stands below the axis. Default: the name of the column, where there is one. */
    readonly xLabel?: string
    /** As `xLabel`, beside the axis. */
    readonly yLabel?: string
  }

  /**
   * One value in several forms, by MIME type; a front end shows the richest that it knows. There is always plain text.
   * (https://jupyter-client.readthedocs.io/en/stable/messaging.html#display-data)
   */
  interface MimeBundle {
    readonly 'text/plain': string
    readonly 'text/html'?: string
    readonly 'text/markdown'?: string
    readonly 'image/svg+xml'?: string
    /** Base64. */
    readonly 'image/png'?: string
    /** Base64. */
    readonly 'image/jpeg'?: string
    /** A Vega-Lite 5 specification. */
    readonly 'application/vnd.vegalite.v5+json'?: object
    readonly 'application/json'?: unknown
  }

  /**
   * A model to compute: the path of an ONNX file, its bytes, what a training came to (`{ model }`), or a Layers model of
   * TensorFlow.js.
   */
  type ModelInput = string | Uint8Array | { readonly model: Uint8Array; readonly modelFile?: string } | TfjsModel

  /** Numbers, strings or booleans, in lists of lists where there are several axes, as `tf.tensor` takes them. */
  type Nested = number | bigint | string | boolean | readonly Nested[]

  /**
   * Draws Arrow tables, `{ name: values }`, rows as objects, arrays, typed arrays and tensors. A cell that ends with a chart shows
   * it; `display(chart)` does in between. Each throws `plot.data`, `plot.column`.
   */
  interface Plot {
    /**
     * Lines: `plot.line(metrics, { x: 'step', y: ['loss', 'accuracy'] })`. Default: all columns of numbers, by row. A line runs from
     * left to right, whatever order its rows have; of metrics of several workers each has one (`by`).
     */
    line(data: PlotData, options?: PlotOptions): Chart
    /** Dots: `plot.scatter(table, { x: 'size', y: 'loss' })`. */
    scatter(data: PlotData, options?: PlotOptions): Chart
    /** A bar each row: `plot.bar(table, { x: 'label', y: 'count' })`. */
    bar(data: PlotData, options?: PlotOptions): Chart
    /** How often values occur: `plot.histogram(values, { bins: 30 })`, or of a column `x`. */
    histogram(data: PlotData, options?: PlotOptions & { readonly bins?: number }): Chart
    /** A tensor of two dimensions, or rows of numbers. */
    heatmap(data: unknown, options?: MatrixOptions): Chart
    /** How often a class was taken for which: `plot.confusion(labels, predicted)`. `labels`: what the classes are called. */
    confusion(actual: unknown, predicted: unknown, options?: Pick<MatrixOptions, 'title'> & { readonly labels?: readonly unknown[] }): Chart
  }

  /** What can be drawn: an Arrow table, columns by name, rows as objects, or values alone (an array, a typed array, a tensor). */
  type PlotData = unknown

  /** What is drawn against what. */
  interface PlotOptions {
    /** Stands above it. Default: none. */
    readonly title?: string
    /** A column. Default: the number of the row. */
    readonly x?: string
    /** Columns. Default: all that hold numbers, but for `x`. */
    readonly y?: string | readonly string[]
    /**
     * A column that says which line, or which colour of dots, a row belongs to; `false`: none. Default of lines: `member`, where a table
     * has it and `x` is given, as the metrics of a training by several workers do.
     */
    readonly by?: string | false
    /** Stands below the axis. Default: the name of the column, where there is one. */
    readonly xLabel?: string
    /** As `xLabel`, beside the axis. */
    readonly yLabel?: string
  }

  /** Something that a query can select from: an Arrow table, or rows as objects, as JSON has them. */
  type Relation = Table | readonly Readonly<Record<string, unknown>>[]

  /** Rows in memory: an Arrow table, tensors by the names of columns, one tensor where there is one column, or objects, one a row. */
  type Rows = | Table
  | TensorLike
  | Readonly<Record<string, TensorLike>>
  | readonly Readonly<Record<string, unknown>>[]

  /** Rows to compute on: in memory, or the path of an Arrow, Parquet, CSV or JSON file, of JSON lines, or of a folder of images. */
  type RowsInput = string | SourceSpec | Rows

  /** Elements in a row, and how they lie. */
  interface Shaped {
    readonly values: TensorArray | readonly number[]
    readonly shape: readonly number[]
    /** Default: that of the typed array, or what the model asks for. */
    readonly dtype?: DType
  }

  /**
   * Asks DuckDB, in this process. As a tag, values that stand in the text become parameters, and tables become relations:
   * `await sql\`select label, count(*) from ${rows} group by label\``. As a function, relations are given by name:
   * `await sql('select * from rows', { rows })`. A file is named in quotes: `from 'rows.parquet'`. Gives an Arrow table. It reads
   * what the query names, writes nothing and reaches no network; interrupting the cell ends it. Throws `sql.*`.
   */
  interface Sql extends SqlTag {
    (pieces: TemplateStringsArray, ...values: readonly unknown[]): Promise<Table>
    (query: string, relations?: Readonly<Record<string, Relation>>): Promise<Table>
    /** A tag that also knows these relations by name; what `%%sql` is made of. */
    over(relations: Readonly<Record<string, unknown>>): SqlTag
  }

  /** A query as a template: values that stand in it become parameters, and tables become relations. */
  type SqlTag = (pieces: TemplateStringsArray, ...values: readonly unknown[]) => Promise<Table>

  /** What is started. */
  interface StartOptions {
    /** Further nodes on this machine, which compute for this one. Default: none, this one computes itself. */
    readonly workers?: number
    /** Shards that each of them runs at once. Default: 1. */
    readonly slots?: number
  }

  /** A sweep on its way. `await` gives what it came to; its events are the checkpoints of its trials, and where it stands. */
  interface SweepJob extends Job<Swept, SweepEvent> {
    readonly program: Promise<'sweep'>
    /** A row each trial, once it has ended, however it did. Throws `sweep.no-table` before. */
    table(): Promise<Table>
    /** The best trial, once it has ended, however it did. Throws `sweep.no-table`, `sweep.no-trial`. */
    best(): Promise<RankedTrial>
  }

  /** What a cell says of a sweep: as `sweep()`, where trials are trainings as {@link Cluster.train} takes them. */
  interface SweepOptions<S extends Space = Space> extends Omit<SweepDefinition<S>, 'train'>, JobOptions {
    /** The training of one trial: `training({ ... })`, or what `cluster.train` takes. It has a validation. */
    readonly train: (parameters: ParametersOf<S>) => Training | TrainOptions
  }

  /** What a sweep came to. */
  interface Swept {
    /** The job's id. */
    readonly job: string
    /** A row each trial, in their order: its parameters, `rank` (1 is the best), `state`, `steps`, what its evaluation gave. */
    readonly table: Table
    readonly best: RankedTrial
    /** The best trial's model as an ONNX file, as of a training ... */
    readonly model: Uint8Array
    /** ... and where that lies on this machine. */
    readonly modelFile: string
    /** The best trial's state by name. */
    readonly state: NamedTensors
  }

  /** What can be taken for a tensor: one of ours, one of TensorFlow.js, a typed array (of one axis, or `{ values, shape }`), lists of lists. */
  type TensorLike = Tensor | TfTensor | Shaped | TensorArray | readonly Nested[]

  /** A tensor of TensorFlow.js, by what is used of it. */
  interface TfTensor {
    readonly shape: readonly number[]
    readonly dtype: string
    /** Its numbers, row by row. */
    data(): Promise<ArrayLike<number> | readonly string[]>
  }

  /** What a cell says of a training: as `training()`, where the data may be in memory in any form. */
  interface TrainOptions extends Omit<TrainingDefinition, 'model' | 'loss' | 'optimizer' | 'learningRate' | 'inputs' | 'data' | 'validation'>,
  Partial<Pick<TrainingDefinition, 'loss' | 'optimizer' | 'learningRate' | 'inputs'>>,
  JobOptions {
    /**
     * Layers, a network, or a Layers model of TensorFlow.js. With a compiled one `loss`, `optimizer` and `learningRate` may be left
     * out; its inputs are the columns of the data in their order, save `labels`.
     */
    readonly model: TrainingDefinition['model'] | TfjsModel
    /** What is learned from; one row a sample. */
    readonly data: TrainRows
    /** Rows that are not learned from, or which share of `data`, its last rows, is set aside. Default: no evaluation. */
    readonly validation?: TrainRows | { readonly share: number }
    /** Columns by name, with the shape of one sample. Default: what the data are, where they are in memory. */
    readonly inputs?: Readonly<Record<string, TensorType>>
  }

  /** Rows to learn from: what `training()` takes, and an Arrow table, tensors or objects, whose columns are called as the inputs. */
  type TrainRows = TrainingData | Rows

  /** What a training came to; `cluster.infer({ model })` takes it as a model. */
  interface Trained {
    /** The job's id. */
    readonly job: string
    /** The trained model with the best state, batches of any size, as an ONNX file ... */
    readonly model: Uint8Array
    /** ... and where that lies on this machine. Of a model beyond 1 GiB weights are a file beside it. */
    readonly modelFile: string
    /** The best state by name, or the last where nothing was evaluated. */
    readonly state: NamedTensors
    /** A row for each step: `row`, `loss` and the other metrics. */
    readonly metrics: Table
    /** With what their evaluations gave, in order. */
    readonly checkpoints: readonly Checkpoint[]
    /**
     * Gives a Layers model of TensorFlow.js the trained weights: the one that was trained, or one that was built as that was, layer
     * by layer and name by name. Throws `tfjs.*`, `graph.state` for another model.
     */
    into(model: TfjsModel): Promise<void>
  }

  /** A training on its way. `await` gives what it came to; its events are steps, checkpoints, rounds and members. */
  interface TrainingJob extends Job<Trained, TrainingEvent> {
    readonly program: Promise<'train'>
    /** A row for each step so far: `row`, `loss` and the other metrics. */
    metrics(): Promise<Table>
    /** What it has come to so far, in order. */
    checkpoints(): Promise<Checkpoint[]>
    /** The best state, or the last, once it has ended, however it did. Throws `train.no-state`. */
    state(which?: 'best' | 'last'): Promise<NamedTensors>
    /** The model with the best state as an ONNX file, once it has ended, however it did. Throws `train.no-model`. */
    model(): Promise<Uint8Array>
  }
}

declare module 'aivida/session/tf' {
  export * from '@tensorflow/tfjs-core'
  export * from '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js'
  export * from '@tensorflow/tfjs-layers'
}
