import { isPromise, isProxy } from 'node:util/types'
import { bytes } from '../../runtime/node/record/report/figures.ts'
import { arrowTableBundle, isArrowTable } from './arrow-view.ts'
import { covered } from './covered.ts'
import { inspected } from './inspected.ts'
import { DISPLAY, type Displayable, type MimeBundle } from './mime-bundle.ts'
import { plain } from './plain.ts'
import { imageType } from './png.ts'
import { elementsOf, isTfjsTensor, tensorBundle } from './tensor-view.ts'

/** A larger image file is named instead of shown: it would be in the notebook for ever. */
const IMAGE_BYTES = 10_000_000

/**
 * Any value as a front end can show it: what it says itself (`[Symbol.for('Jupyter.display')]()`), tables, tensors and images as
 * such, everything else as Node shows it. What is too much is cut with a word that says so; secrets are covered. A promise only
 * where the value's own method gives one. Never throws, never rejects.
 */
export function bundleOf(value: unknown): MimeBundle | Promise<MimeBundle> {
  try {
    if (typeof value === 'object' && value !== null && !isProxy(value)) {
      const own = (value as Partial<Displayable>)[DISPLAY]
      if (typeof own === 'function') return ownBundle(value as Displayable)
      return objectBundle(value) ?? textBundle(value)
    }
    if (typeof value === 'function' && typeof (value as unknown as Partial<Displayable>)[DISPLAY] === 'function')
      return ownBundle(value as unknown as Displayable)
  } catch {
    // a getter that throws, memory that is gone: as text it can be shown all the same
  }
  return textBundle(value)
}

function ownBundle(value: Displayable): MimeBundle | Promise<MimeBundle> {
  const failed = (error: unknown): MimeBundle => ({
    'text/plain': plain(`its display method failed: ${inspected(error)}\n${inspected(value)}`),
  })
  try {
    const bundle = value[DISPLAY]()
    return isPromise(bundle) ? bundle.then(covered, failed).catch(failed) : covered(bundle as MimeBundle)
  } catch (error) {
    return failed(error)
  }
}

function objectBundle(value: object): MimeBundle | undefined {
  if (isArrowTable(value)) return arrowTableBundle(value)
  if (value instanceof Uint8Array) {
    const type = imageType(value)
    if (type) return imageBundle(value, type)
  }
  if (isTfjsTensor(value) && value.isDisposed)
    return { 'text/plain': plain(`${value.dtype} [${value.shape.join(', ')}], disposed of: its values are gone`) }
  const elements = elementsOf(value)
  return elements && tensorBundle(elements)
}

function imageBundle(value: Uint8Array, type: 'image/png' | 'image/jpeg'): MimeBundle {
  const text = `${type === 'image/png' ? 'PNG' : 'JPEG'} image, ${bytes(value.byteLength)}`
  if (value.byteLength > IMAGE_BYTES)
    return { 'text/plain': `${text}: too large to be kept in a notebook, more than ${bytes(IMAGE_BYTES)}` }
  return { 'text/plain': text, [type]: Buffer.from(value).toString('base64') }
}

function textBundle(value: unknown): MimeBundle {
  return { 'text/plain': plain(inspected(value)) }
}
