/** Training as graphs: losses, optimisers, and one step of forward, backward and update as an ONNX file. */
export * from './adam.ts'
export * from './loss.ts'
export { nextTokens, type Preparation } from './model-pass.ts'
export * from './muon.ts'
export * from './optimizer.ts'
export * from './sgd.ts'
export * from './step-signature.ts'
export * from './training-step.ts'
