/**
 * The graph that proves a determinism class: `probeModel()` of `test/support/onnx-models.ts`, whose test prints these
 * lines anew when they differ.
 */
export const PROBE_GRAPH: Uint8Array = Buffer.from(
  [
    'CAg65gYKNAoEemVybwoMa2VybmVsLmNvdW50CgRzdGVwEg1rZXJuZWwuYW5nbGVzGgAiBVJhbmdlOgAKJgoNa2VybmVsLmFuZ2xlcxIMa2Vybm',
    'VsLnNpbmVzGgAiA1NpbjoACjEKDGtlcm5lbC5zaW5lcwoMa2VybmVsLnNoYXBlEgZrZXJuZWwaACIHUmVzaGFwZToACjQKBHplcm8KDG1hdHJp',
    'eC5jb3VudAoEc3RlcBINbWF0cml4LmFuZ2xlcxoAIgVSYW5nZToACiYKDW1hdHJpeC5hbmdsZXMSDG1hdHJpeC5zaW5lcxoAIgNTaW46AAoxCg',
    'xtYXRyaXguc2luZXMKDG1hdHJpeC5zaGFwZRIGbWF0cml4GgAiB1Jlc2hhcGU6AAouCgF4CgZrZXJuZWwSBGNvbnYaACIEQ29udioRCgRwYWRz',
    'QAFAAUABQAGgAQc6AApCCgRjb252EgRwb29sGgAiB01heFBvb2wqFQoMa2VybmVsX3NoYXBlQAJAAqABByoQCgdzdHJpZGVzQAJAAqABBzoACh',
    'kKBHBvb2wSBGZsYXQaACIHRmxhdHRlbjoACjEKBGZsYXQKBm1hdHJpeBIGc2NvcmVzGgAiBEdlbW0qDwoFYWxwaGEVCtejPKABAToAChsKBnNj',
    'b3JlcxIEb2RkcxoAIgdTb2Z0bWF4OgAKHAoEY29udhIFdG90YWwaACIJUmVkdWNlU3VtOgAKJQoEb2RkcxIEYmVzdBoAIgZBcmdNYXgqCwoEYX',
    'hpcxgBoAECOgASBHRlc3QqDhABQgR6ZXJvSgQAAAAAKg4QAUIEc3RlcEoEMzMzPyoWEAFCDGtlcm5lbC5jb3VudEoEMzOXQyo0CAQQB0IMa2Vy',
    'bmVsLnNoYXBlSiAQAAAAAAAAAAMAAAAAAAAAAwAAAAAAAAADAAAAAAAAACoWEAFCDG1hdHJpeC5jb3VudEoEMzOzRiokCAIQB0IMbWF0cml4Ln',
    'NoYXBlShAABAAAAAAAACAAAAAAAAAAWhsKAXgSFgoUCAESEAoCCAQKAggDCgIIEAoCCBBiFgoEb2RkcxIOCgwIARIICgIIBAoCCCBiHwoFdG90',
    'YWwSFgoUCAESEAoCCAEKAggBCgIIAQoCCAFiFgoEYmVzdBIOCgwIBxIICgIIBAoCCAFCBAoAEBE=',
  ].join(''),
  'base64',
)

/** Of its one input, `x` f32. */
export const PROBE_SHAPE: readonly number[] = [4, 3, 16, 16]
