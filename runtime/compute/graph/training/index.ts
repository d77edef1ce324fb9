/** Training as graphs: losses, optimisers, and one step of forward, backward and update as an ONNX file. */
export * from './adam.ts'
export { type ModelInit, untrainedModel } from './inference-model.ts'
export * from './loss.ts'
export { nextTokens, type Preparation } from './model-pass.ts'
export * from './muon.ts'
export * from './optimizer.ts'
export * from './sgd.ts'
export {
  type GradientSignature,
  gradientSignatureOf,
  type UpdateSignature,
  updateSignatureOf,
} from './split-signature.ts'
export type { SplitStep } from './split-step.ts'
export {
  STEP_METADATA_KEY,
  type StateTensor,
  type StepSignature,
  stepSignatureOf,
  withStepSignature,
} from './step-signature.ts'
export { type ModelSignature, modelSignatureOf, trainedModel, trainedModelParts } from './trained-model.ts'
export * from './training-init.ts'
export * from './training-step.ts'
