/** ONNX files, and what an engine child that runs a stranger's model says. */
import { frameHead, protocol } from '../../../runtime/compute/engine/child/frame.ts'
import { FrameReader } from '../../../runtime/compute/engine/child/frame-reader.ts'
import type { Reply } from '../../../runtime/compute/engine/child/messages.ts'
import { replySchema } from '../../../runtime/compute/engine/child/reply-schema.ts'
import { readModel, writeModel } from '../../../runtime/compute/graph/index.ts'
import { scanModel } from '../../../runtime/compute/model/index.ts'
import { externalDataNames } from '../../../runtime/data/blob/index.ts'
import { field, floats, model, node, probeModel, tensor, value } from '../../support/onnx-models.ts'
import { mutateProtobuf } from '../protobuf.ts'
import type { Sample, Target } from '../target.ts'

const x = value('x', 'float32', ['n', 3])
const y = value('y', 'float32', ['n', 3])
const copy = { op: 'Identity', inputs: ['x'], outputs: ['y'] }
const branch = [field(1, node(copy)), field(2, 'branch'), field(12, y)]
const fn = [
  ...[field(1, 'Twice'), field(10, 'local'), field(4, 'x'), field(5, 'y')],
  ...[field(7, node(copy)), field(7, node({ op: 'Once', domain: 'local' })), field(9, [field(1, ''), field(2, 17)])],
]
const once = [field(1, 'Once'), field(10, 'local'), field(7, node(copy)), field(9, [field(1, ''), field(2, 17)])]
const outside = { location: 'weights.bin', offset: '0', length: '24' }

const models: readonly Sample[] = [
  probeModel(),
  model({
    nodes: [
      { op: 'Add', inputs: ['x', 'w'], outputs: ['s'] },
      { op: 'If', inputs: ['c'], outputs: ['y'], attributes: { then_branch: { graph: branch } } },
      { op: 'Constant', outputs: ['k'], attributes: { value: { tensor: tensor('', 'float32', [1], floats(1)) } } },
    ],
    inputs: [x],
    outputs: [y],
    initializers: [tensor('w', 'float32', [2, 3], floats(1, 2, 3, 4, 5, 6)), tensor('far', 'float32', [2, 3], outside)],
  }),
  model({ nodes: [{ op: 'Twice', domain: 'local', inputs: ['x'], outputs: ['y'] }], inputs: [x], outputs: [y] }, [
    field(25, fn),
    field(25, once),
    field(8, [field(1, 'local'), field(2, 1)]),
  ]),
].map((bytes) => ({ bytes }))

const replies: readonly [Reply, readonly Uint8Array[]][] = [
  [{ op: 'ready', info: { name: 'onnxruntime', version: '1.30.0', providers: ['cpu'] } }, []],
  [
    {
      op: 'loaded',
      report: {
        nodes: 1,
        parameterBytes: 4,
        inputs: [{ name: 'x', dtype: 'float32', shape: ['n'] }],
        outputs: [],
        opsets: { '': 17 },
      },
    },
    [],
  ],
  [{ op: 'ran', batch: [{ tensors: [{ name: 'y', dtype: 'float32', shape: [2] }] }] }, [floats(1, 2)]],
  [{ op: 'failed', error: { code: 'engine.memory', category: 'user', message: 'm', retryable: false, facts: {} } }, []],
]

/** See the head of this file. */
export const modelTargets: readonly Target[] = [
  {
    name: 'onnx-scan',
    samples: models,
    mutate: mutateProtobuf,
    executions: 300,
    decode: (bytes) => scanModel(bytes, { weights: { 'weights.bin': 24 } }),
  },
  { name: 'onnx-weights', samples: models, mutate: mutateProtobuf, decode: externalDataNames },
  {
    name: 'onnx-graph',
    samples: models,
    mutate: mutateProtobuf,
    cost: { perByte: 2_048, constant: 8 << 20 }, // an object for each message, by the user's own wish
    decode: (bytes) => readModel(writeModel(readModel(bytes))),
  },
  {
    name: 'engine-replies',
    samples: replies.map(([header, parts]) => ({
      bytes: Buffer.concat([
        frameHead(
          header,
          parts.map(({ byteLength }) => byteLength),
        ),
        ...parts,
      ]),
    })),
    categories: ['internal'], // our own program, whatever model it runs: `engine.protocol`
    cost: { perByte: 256, constant: 12 << 20 },
    decode(bytes) {
      const reader = new FrameReader(1 << 20, ({ header }) => {
        if (!replySchema.safeParse(header).success) throw protocol('a reply')
      })
      reader.push(bytes)
    },
  },
]
