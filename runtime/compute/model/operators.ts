/** Operator domains that the engines implement; a model's own functions add theirs. */
export const DOMAINS: ReadonlySet<string> = new Set(['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft'])

const UNBOUNDED = 'it repeats a body without a bound that can be told in advance; unroll it'
const RANDOM = 'its random state outlives a run, so equal shards would differ; feed random numbers as an input'
const FOREIGN = 'it runs code that the graph does not hold'

/** Operators that no stranger's graph may hold, in any domain, and why. */
export const REFUSED_OPERATORS: ReadonlyMap<string, string> = new Map([
  ['Loop', UNBOUNDED],
  ['Scan', UNBOUNDED],
  ['BeamSearch', UNBOUNDED],
  ['GreedySearch', UNBOUNDED],
  ['WhisperBeamSearch', UNBOUNDED],
  ['Sampling', UNBOUNDED],
  ['RandomNormal', RANDOM],
  ['RandomNormalLike', RANDOM],
  ['RandomUniform', RANDOM],
  ['RandomUniformLike', RANDOM],
  ['Multinomial', RANDOM],
  ['Bernoulli', RANDOM],
  ['BiasDropout', RANDOM],
  ['BitmaskDropout', RANDOM],
  ['BitmaskBiasDropout', RANDOM],
  ['EPContext', FOREIGN],
  ['PyOp', FOREIGN],
  ['PythonOp', FOREIGN],
  ['PythonOpGrad', FOREIGN],
  ['ATen', FOREIGN],
])

/** Why this operator is refused; `undefined` when it isn't. Dropout is random once a `training_mode` input is wired. */
export function refusedOperator(opType: string, inputs: number): string | undefined {
  if (opType === 'Dropout' && inputs > 2) return RANDOM
  return REFUSED_OPERATORS.get(opType)
}
