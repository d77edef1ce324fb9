/** Compute graphs: the ONNX file, building and differentiating graphs, their cost, layers, models of others, and training steps. */
export * from './build/index.ts'
export * from './cost.ts'
export * from './import/index.ts'
export * from './layers/index.ts'
export * from './onnx/index.ts'
export * from './training/index.ts'
