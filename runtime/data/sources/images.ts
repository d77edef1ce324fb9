import { readdir } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'
import { AividaError, aborted, limit, userError } from '../../base/index.ts'
import { DTYPES, type Tensor, typedArrayOf } from '../tensor/index.ts'
import { type ImageLayout, imageLayout } from './image-layout.ts'
import { readAhead } from './read-ahead.ts'
import { wrongDtype } from './refusals.ts'
import type { TensorSpec } from './signature.ts'
import type { Loader, Piece } from './source.ts'

/** How a folder of images is read. */
export interface ImagesInit {
  readonly path: string
  /** Made from the names of the files. */
  readonly identityOf: (files: readonly string[]) => Promise<string>
  readonly inputs: readonly TensorSpec[]
}

/**
 * PNG, JPEG and WebP files of a folder and the folders in it, in the order of their names, decoded and resized
 * (stretched) to what the graph's image input takes. A symbolic height or width takes that of the first image. Another
 * input, of one integer a row, gets the class of each image: the place of the folder that it lies in among all of them,
 * by name.
 *
 * Throws `source.empty`, `source.shape`, `source.dtype`, `source.bad-image`, `source.too-many`.
 */
export async function imagesLoader({ path, identityOf, inputs }: ImagesInit): Promise<Loader> {
  const files = await imageFiles(path)
  const [spec, labels] = imageInputs(path, inputs)
  const classOf = labels && folderClasses(path, files, labels)
  const decode = await decoder(path)
  const layout = imageLayout(spec, await decode.size(files[0]!))
  return {
    format: 'images',
    rows: files.length,
    identity: await identityOf(files),
    pieces(fromRow, signal) {
      let row = fromRow
      const next = async (): Promise<IteratorResult<Piece>> => {
        if (signal?.aborted) throw aborted()
        const file = files[row++]
        if (file === undefined) return { done: true, value: undefined }
        const tensors: Record<string, Tensor> = { [spec.name]: layout.tensor(await decode.pixels(file, layout)) }
        if (classOf) tensors[labels.name] = classOf(file)
        return { done: false, value: { rows: 1, tensors, labels: [file] } }
      }
      return readAhead(next, limit('imagesAtOnce'))
    },
    close: async () => {},
  }
}

/** The input for the pixels and, when there is another, the one for their classes. Throws `source.shape`. */
function imageInputs(path: string, inputs: readonly TensorSpec[]): [TensorSpec, TensorSpec?] {
  const labels = inputs.filter(({ dtype, shape }) => shape?.length === 1 && /^u?int/.test(dtype))
  const [spec, ...others] = inputs.filter((input) => !labels.includes(input))
  if (spec && others.length === 0 && labels.length <= 1) return [spec, ...labels] as [TensorSpec, TensorSpec?]
  throw userError(
    'source.shape',
    `${path} holds images, which feed a model of one input, and one of integers for the folders that they lie in; this ` +
      `one has ${inputs.map(({ name }) => name).join(', ')}: use Arrow or JSON lines`,
  )
}

/** The class of an image as a row of an input, told by the first folder on its way. Throws `source.shape`, `source.dtype`. */
function folderClasses(path: string, files: readonly string[], spec: TensorSpec): (file: string) => Tensor {
  const loose = files.find((file) => !file.includes('/'))
  if (loose !== undefined)
    throw userError(
      'source.shape',
      `${loose} lies in ${path} itself; ${spec.name} is the folder of an image, so put each into one called as its class`,
      { input: spec.name },
    )
  const names = [...new Set(files.map(folderOf))].sort()
  const rows = new Map(names.map((name, place) => [name, numberRow(spec, place)]))
  return (file) => rows.get(folderOf(file))!
}

function folderOf(file: string): string {
  return file.slice(0, file.indexOf('/'))
}

function numberRow(spec: TensorSpec, value: number): Tensor {
  const tensor = { dtype: spec.dtype, shape: [1], data: new Uint8Array(DTYPES[spec.dtype]) }
  const elements = typedArrayOf(tensor)
  elements[0] = elements instanceof BigInt64Array || elements instanceof BigUint64Array ? BigInt(value) : value
  if (Number(elements[0]) !== value) throw wrongDtype(spec, `class ${value}`, 'folders of images')
  return tensor
}

const EXTENSIONS = new Set(['.png', '.jpg', '.jpeg', '.webp'])

async function imageFiles(path: string): Promise<string[]> {
  const files = (await readdir(path, { recursive: true }))
    .filter((file) => EXTENSIONS.has(extname(file).toLowerCase()))
    .map((file) => file.replaceAll(sep, '/'))
    .sort() // by UTF-16 code unit: the same order everywhere
  if (files.length === 0)
    throw userError('source.empty', `${path} holds no image; expected .png, .jpg, .jpeg or .webp files`)
  if (files.length > limit('imagesPerFolder'))
    throw userError(
      'source.too-many',
      `${path} holds ${files.length} images, at most ${limit('imagesPerFolder')} are read; split it into several jobs`,
    )
  return files
}

/** Imported here and not above: the image library takes 50 ms and 20 MB that other sources can do without. */
async function decoder(path: string) {
  const { default: sharp } = await import('sharp')
  async function guarded<T>(file: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      throw new AividaError({
        code: 'source.bad-image',
        category: 'user',
        message: `${file} in ${path} can't be decoded; remove it or save it again`,
        cause,
        facts: { file },
      })
    }
  }
  return {
    /** Pixels. */
    size: (file: string) =>
      guarded(file, async () => {
        const { width, height } = await sharp(join(path, file)).metadata()
        return { width, height }
      }),
    /** Rows of pixels of interleaved channels, 0 to 255. */
    pixels: (file: string, { width, height, channels }: ImageLayout) =>
      guarded(file, async () => {
        const image = sharp(join(path, file)).flatten({ background: 'white' }).resize(width, height, { fit: 'fill' })
        return image
          .toColourspace(channels === 1 ? 'b-w' : 'srgb')
          .raw()
          .toBuffer()
      }),
  }
}
