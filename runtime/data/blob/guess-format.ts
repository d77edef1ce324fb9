/** What people hand in for an ONNX file, by its first bytes. */
const FORMATS: readonly (readonly [offset: number, magic: string, name: string])[] = [
  [0, 'PK\x03\x04', 'a zip archive (a PyTorch checkpoint or a Keras file?)'],
  [0, '\x1f\x8b', 'a gzip archive'],
  [0, '\x89HDF', 'an HDF5 file'],
  [0, 'GGUF', 'a GGUF file'],
  [0, '\x93NUMPY', 'a NumPy array'],
  [0, '\x89PNG', 'a PNG image'],
  [0, '\xff\xd8\xff', 'a JPEG image'],
  [0, 'ARROW1', 'an Arrow file'],
  [0, 'version https://git-lfs', 'a Git LFS pointer (fetch the file it stands for)'],
  [4, 'TFL3', 'a TensorFlow Lite model'],
  [4, 'ORTM', 'a model in the format of one engine (.ort)'],
  [8, '{"', 'a safetensors file'],
]

/** A guess at what these bytes are, when they are not ONNX; `undefined` when nothing tells. */
export function guessFormat(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength === 0) return 'an empty file'
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 64)).toString('latin1')
  const known = FORMATS.find(([offset, magic]) => head.startsWith(magic, offset))
  if (known) return known[2]
  if (/^\s*<(!doctype|html|\?xml)/i.test(head)) return 'a web page'
  return /^[\t\n\r\x20-\x7e]+$/.test(head) ? 'a text file' : undefined
}

/** Whether an engine would read these bytes as its own format instead of ONNX, whatever else they may be. */
export function isEngineFormat(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 8)).toString('latin1', 4) === 'ORTM'
}
