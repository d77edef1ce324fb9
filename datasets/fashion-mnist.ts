import type { DatasetManifest } from '../runtime/data/sources/index.ts'

/** 70,000 photographs of clothes, 28 x 28 grey pixels: as MNIST, and harder. Carried by Debian and Ubuntu. */
export const fashionMnist: DatasetManifest = {
  name: 'fashion-mnist',
  title: 'Fashion-MNIST',
  origin: 'Xiao, Rasul and Vollgraf 2017, https://arxiv.org/abs/1708.07747',
  licence: 'MIT',
  source: {
    manager: 'apt',
    name: 'dataset-fashion-mnist',
    version: '0.0~git20200523.55506a9-1',
    folder: '/usr/share/datasets/fashion-mnist',
  },
  files: {
    'train-images-idx3-ubyte.gz': {
      sha256: 'b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7',
      sizeBytes: 26_421_856,
      compression: 'gzip',
    },
    'train-labels-idx1-ubyte.gz': {
      sha256: '0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056',
      sizeBytes: 29_491,
      compression: 'gzip',
    },
    't10k-images-idx3-ubyte.gz': {
      sha256: 'cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa',
      sizeBytes: 4_422_079,
      compression: 'gzip',
    },
    't10k-labels-idx1-ubyte.gz': {
      sha256: '8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05',
      sizeBytes: 5_125,
      compression: 'gzip',
    },
  },
  columns: [
    { name: 'images', dtype: 'uint8', shape: [28, 28] },
    {
      name: 'labels',
      dtype: 'uint8',
      shape: [],
      symbols: [
        'T-shirt/top',
        'Trouser',
        'Pullover',
        'Dress',
        'Coat',
        'Sandal',
        'Shirt',
        'Sneaker',
        'Bag',
        'Ankle boot',
      ],
    },
  ],
  splits: {
    train: {
      rows: 60_000,
      columns: {
        images: { format: 'idx', file: 'train-images-idx3-ubyte.gz' },
        labels: { format: 'idx', file: 'train-labels-idx1-ubyte.gz' },
      },
    },
    test: {
      rows: 10_000,
      columns: {
        images: { format: 'idx', file: 't10k-images-idx3-ubyte.gz' },
        labels: { format: 'idx', file: 't10k-labels-idx1-ubyte.gz' },
      },
    },
  },
}
