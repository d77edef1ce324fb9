/** Models in plain TypeScript: layers, what they are composed with, and the parameters that they ask for. */
export * from './activations.ts'
export * from './composition.ts'
export * from './dense.ts'
export * from './initializer.ts'
export * from './layer.ts'
export * from './parameters.ts'
export * from './reshaping.ts'
export * from './scope.ts'
