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
  /** Characters that it knows. */
  readonly vocabulary: number
  /** Default: 128. */
  readonly width?: number
  /** Default: 4. */
  readonly heads?: number
  /** Default: 4. */
  readonly layers?: number
}

/**
 * A causal transformer over characters: `[batch, places]` integers to logits `[batch, places, vocabulary]` of the character
 * that follows each. Norms stand before attention and feed-forward, as in GPT-2. By default 0.82 million parameters at 64
 * places.
 */
export function characterModel({ vocabulary, width = 128, heads = 4, layers = 4 }: CharacterModelOptions): Layer {
  const blocks = Array.from({ length: layers }, () => [
    residual([layerNorm(), attention({ heads, causal: true })]),
    residual([layerNorm(), dense(4 * width), silu(), dense(width)]),
  ])
  return sequential([embedding(vocabulary, width), positions(), ...blocks.flat(), layerNorm(), dense(vocabulary)])
}
