import { type AividaError, userError } from '../../base/errors.ts'
import { limit } from '../../base/limits.ts'
import { guessFormat, isEngineFormat } from '../../data/blob/guess-format.ts'
import { type Calls, expandedNodes, functionId, type ScannedFunction } from './functions.ts'
import { ATTRIBUTE, FUNCTION, GRAPH, MODEL, NODE, OPSET } from './onnx-fields.ts'
import { DOMAINS, refusedOperator } from './operators.ts'
import { ProtobufError, ProtobufReader } from './protobuf.ts'
import { Once, refused } from './refusal.ts'
import { scanSparseTensor, scanTensor, unsafeName, type WeightSizes } from './tensor-scan.ts'
import type { TensorSpec } from './tensor-spec.ts'
import { readTensorSpec } from './value-info.ts'

/** What a scan learns of a model that it lets pass. */
export interface ModelReport {
  /** Nodes, with subgraphs and with every call of a function replaced by its body. */
  readonly nodes: number
  /** Bytes of all tensors the model declares, inline and in weight files. */
  readonly parameterBytes: number
  /** Inputs that a caller must give; those with a default in the model are left out. */
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  /** Operator set versions by domain (`''` is ONNX's own). */
  readonly opsets: Readonly<Record<string, number>>
}

/** Bounds of a scan; each defaults to its row in the table of limits. */
export interface ScanOptions {
  /** Files that external data may lie in. Default: none, so external data is refused. */
  readonly weights?: WeightSizes
  /** Default: `modelBytes`. */
  readonly maxBytes?: number
  /** Default: `modelNodes`. */
  readonly maxNodes?: number
  /** Nested subgraphs. Default: `modelDepth`. */
  readonly maxDepth?: number
}

/**
 * Looks over an untrusted ONNX file before any engine parses it: its structure only, in one pass whose time is linear in
 * its bytes and whose memory does not depend on what it declares. Throws `model.not-onnx`, and `model.refused` (reason
 * in the facts; the message names node and operator) for what a stranger's graph may not do: reach files, run foreign
 * code, loop without bound, draw random numbers, or declare more than it carries.
 */
export function scanModel(bytes: Uint8Array, options: ScanOptions = {}): ModelReport {
  const scan = new ModelScan(options)
  try {
    return scan.model(bytes)
  } catch (error) {
    if (error instanceof ProtobufError) throw notOnnx(bytes, error)
    throw error
  }
}

function notOnnx(bytes: Uint8Array, cause?: ProtobufError): AividaError {
  const found =
    guessFormat(bytes) ?? (cause ? `${cause.message} at byte ${cause.at}` : 'a file without a graph and operator sets')
  return userError('model.not-onnx', `expected an ONNX model, found ${found}; export the model as .onnx`)
}

class ModelScan {
  readonly #weights: WeightSizes
  readonly #maxBytes: number
  readonly #maxNodes: number
  readonly #maxDepth: number
  readonly #functions = new Map<string, ScannedFunction>()
  #nodes = 0
  #tensors = 0
  #parameterBytes = 0

  constructor(options: ScanOptions) {
    this.#weights = options.weights ?? {}
    this.#maxBytes = options.maxBytes ?? limit('modelBytes')
    this.#maxNodes = options.maxNodes ?? limit('modelNodes')
    this.#maxDepth = options.maxDepth ?? limit('modelDepth')
    for (const name of Object.keys(this.#weights)) {
      const problem = unsafeName(name)
      if (problem) throw refused('external-data', `weights "${name}"`, `the name ${problem}`)
    }
  }

  model(bytes: Uint8Array): ModelReport {
    if (bytes.byteLength > this.#maxBytes)
      throw refused(
        'size',
        'model',
        `${bytes.byteLength} bytes, at most ${this.#maxBytes}; put weights in files of their own`,
      )
    if (isEngineFormat(bytes)) throw notOnnx(bytes)
    const once = new Once('model')
    const opsets = new Map<string, number>()
    const functions = new ProtobufReader(bytes)
    let graph: ProtobufReader | undefined
    for (const reader = new ProtobufReader(bytes); reader.next(); )
      switch (reader.field) {
        case MODEL.graph:
          once.check(MODEL.graph)
          graph = reader.message()
          break
        case MODEL.opsetImport:
          readOpset(reader.message(), opsets)
          break
        case MODEL.functions:
          this.#declare(reader.message())
          break
        case MODEL.trainingInfo:
          throw refused('training-info', 'model', 'training steps must be part of the graph')
      }
    if (!graph || opsets.size === 0) throw notOnnx(bytes)
    while (functions.next()) if (functions.field === MODEL.functions) this.#function(functions)
    const main = { nodes: -this.#nodes, calls: new Map<string, number>() }
    const { inputs, outputs } = this.#graph(graph, 0, main.calls)
    main.nodes += this.#nodes
    const nodes = expandedNodes(main, this.#functions, limit('modelCallDepth'))
    if (nodes > this.#maxNodes) throw refused('nodes', 'model', `${nodes} nodes once its functions are inlined`)
    return { nodes, parameterBytes: this.#parameterBytes, inputs, outputs, opsets: Object.fromEntries(opsets) }
  }

  /** Names must be known before the first call is met. */
  #declare(reader: ProtobufReader): void {
    const id = readFunctionId(reader)
    if (this.#functions.has(id)) throw refused('duplicate', `function ${id}`, 'it is defined twice')
    if (this.#functions.size >= this.#maxNodes) throw refused('nodes', 'model', `more than ${this.#maxNodes} functions`)
    this.#functions.set(id, { id, nodes: 0, calls: new Map() })
  }

  #function(parent: ProtobufReader): void {
    const fn = this.#functions.get(readFunctionId(parent.message()))!
    fn.nodes -= this.#nodes
    const reader = parent.message()
    while (reader.next()) {
      if (reader.field === FUNCTION.node) this.#node(reader, 0, fn.calls)
      else if (reader.field === FUNCTION.attributeProto) this.#attribute(reader, `function ${fn.id}`, 0, fn.calls)
    }
    fn.nodes += this.#nodes
  }

  #graph(reader: ProtobufReader, depth: number, calls: Calls): { inputs: TensorSpec[]; outputs: TensorSpec[] } {
    if (depth > this.#maxDepth) throw refused('depth', 'graph', `subgraphs nest deeper than ${this.#maxDepth}`)
    const inputs: TensorSpec[] = []
    const outputs: TensorSpec[] = []
    const defaults = new Set<string>()
    while (reader.next())
      switch (reader.field) {
        case GRAPH.node:
          this.#node(reader, depth, calls)
          break
        case GRAPH.initializer:
          defaults.add(this.#tensor(reader, 'initializer'))
          break
        case GRAPH.sparseInitializer:
          this.#sparseTensor(reader, 'sparse initializer')
          break
        case GRAPH.input:
          if (depth === 0) addSpec(inputs, reader.message(), 'input')
          break
        case GRAPH.output:
          if (depth === 0) addSpec(outputs, reader.message(), 'output')
          break
      }
    return { inputs: inputs.filter(({ name }) => !defaults.has(name)), outputs }
  }

  #node(parent: ProtobufReader, depth: number, calls: Calls): void {
    const index = this.#nodes++
    if (index >= this.#maxNodes) throw refused('nodes', 'model', `more than ${this.#maxNodes} nodes`)
    const { name, opType, domain, overload, inputs } = readNodeHead(parent.message(), `node ${index}`)
    const where = `node ${name ? `"${name}"` : index} (${domain && `${domain}.`}${opType})`
    const problem = refusedOperator(opType, inputs)
    if (problem) throw refused('operator', where, problem)
    const id = functionId(domain, opType, overload)
    if (this.#functions.has(id)) calls.set(id, (calls.get(id) ?? 0) + 1)
    else if (!DOMAINS.has(domain)) throw refused('domain', where, `unknown operator domain "${domain}"`)
    const reader = parent.message()
    while (reader.next()) if (reader.field === NODE.attribute) this.#attribute(reader, where, depth, calls)
  }

  #attribute(parent: ProtobufReader, where: string, depth: number, calls: Calls): void {
    const once = new Once(where)
    const reader = parent.message()
    while (reader.next()) {
      const { tensor, graph, sparseTensor, tensors, graphs, sparseTensors } = ATTRIBUTE
      const { field } = reader
      if (field === tensor || field === graph || field === sparseTensor) once.check(field)
      if (field === tensor || field === tensors) this.#tensor(reader, where)
      else if (field === graph || field === graphs) this.#graph(reader.message(), depth + 1, calls)
      else if (field === sparseTensor || field === sparseTensors) this.#sparseTensor(reader, where)
    }
  }

  #tensor(parent: ProtobufReader, where: string): string {
    const { name, sizeBytes } = scanTensor(parent, where, this.#weights)
    this.#count(sizeBytes)
    return name
  }

  #sparseTensor(parent: ProtobufReader, where: string): void {
    this.#count(scanSparseTensor(parent, where, this.#weights))
  }

  #count(sizeBytes: number): void {
    this.#parameterBytes += sizeBytes
    if (++this.#tensors > this.#maxNodes) throw refused('nodes', 'model', `more than ${this.#maxNodes} tensors`)
  }
}

/** What a node says of itself besides its attributes. */
interface NodeHead {
  readonly name: string
  readonly opType: string
  readonly domain: string
  readonly overload: string
  readonly inputs: number
}

function readNodeHead(reader: ProtobufReader, where: string): NodeHead {
  const once = new Once(where)
  const head = { name: '', opType: '', domain: '', overload: '', inputs: 0 }
  while (reader.next()) {
    const { field } = reader
    if (field === NODE.input) head.inputs++
    else if (field === NODE.name) head.name = reader.text()
    else if (field === NODE.opType || field === NODE.domain || field === NODE.overload) {
      once.check(field)
      head[field === NODE.opType ? 'opType' : field === NODE.domain ? 'domain' : 'overload'] = reader.text()
    }
  }
  return head
}

function readFunctionId(reader: ProtobufReader): string {
  const once = new Once('function')
  const names = new Map<number, string>()
  while (reader.next())
    if (reader.field === FUNCTION.name || reader.field === FUNCTION.domain || reader.field === FUNCTION.overload) {
      once.check(reader.field)
      names.set(reader.field, reader.text())
    }
  const name = (field: number) => names.get(field) ?? ''
  return functionId(name(FUNCTION.domain), name(FUNCTION.name), name(FUNCTION.overload))
}

function readOpset(reader: ProtobufReader, into: Map<string, number>): void {
  let [domain, version] = ['', 0]
  while (reader.next()) {
    if (reader.field === OPSET.domain) domain = reader.text()
    else if (reader.field === OPSET.version) version = reader.value
  }
  if (into.size >= limit('modelDomains')) throw refused('domain', 'model', `more than ${into.size} operator sets`)
  into.set(domain, version)
}

function addSpec(specs: TensorSpec[], reader: ProtobufReader, where: string): void {
  if (specs.length >= limit('tensorsPerMessage')) throw refused('nodes', 'model', `more than ${specs.length} ${where}s`)
  specs.push(readTensorSpec(reader, where))
}
