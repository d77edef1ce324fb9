/** Compute graphs: the ONNX file, building and differentiating graphs, and training steps. */
export * from './build/index.ts'
export * from './cost.ts'
export * from './import/index.ts'
export * from './onnx/index.ts'
export * from './training/step-signature.ts'
