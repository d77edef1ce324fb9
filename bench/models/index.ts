/** The models that benchmarks, notebooks and tests share. */
export * from './character-model.ts'
export * from './cnn.ts'
export * from './mlp.ts'
