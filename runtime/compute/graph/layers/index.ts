/** Models in plain TypeScript: layers, what they are composed with, and the parameters that they ask for. */
export * from './activations.ts'
export * from './attention.ts'
export * from './composition.ts'
export {
  type Conv2dOptions,
  conv2d,
  depthwiseConv2d,
  type Padding,
  type Size2d,
  type WindowOptions,
} from './convolution.ts'
export * from './dense.ts'
export * from './dropout.ts'
export * from './embedding.ts'
export * from './initializer.ts'
export * from './layer.ts'
export * from './normalization.ts'
export * from './parameters.ts'
export * from './pooling.ts'
export * from './reshaping.ts'
export * from './scope.ts'
