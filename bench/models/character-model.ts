import {
  attention,
  dense,
  embedding,
  type Layer,
  layerNorm,
  positions,
  residual,
  sequential,
  silu,
} from '../../runtime/compute/graph/index.ts'

/** How large a {@link characterModel} is. */
export interface CharacterModelOptions {
  /** Characters that there are. */
  readonly vocabulary: number
  /** Default: 128. */
  readonly width?: number
  /** Default: 4. */
  readonly heads?: number
  /** Default: 4. */
  readonly layers?: number
}

/**
 * A small transformer over characters: `[batch, context]` integers to logits of the character after each. Norms stand
 * before attention and feed-forward. About 0.8M parameters as it is.
 */
export function characterModel({ vocabulary, width = 128, heads = 4, layers = 4 }: CharacterModelOptions): Layer {
  const block = (_: unknown, i: number) =>
    sequential(
      [
        residual([layerNorm(), attention({ heads, causal: true })]),
        residual([layerNorm(), dense(4 * width, { name: 'up' }), silu(), dense(width, { name: 'down' })]),
      ],
      { name: `block_${i + 1}` },
    )
  return sequential([
    embedding(vocabulary, width),
    positions(),
    ...Array.from({ length: layers }, block),
    layerNorm({ name: 'last_norm' }),
    dense(vocabulary, { name: 'head' }),
  ])
}
