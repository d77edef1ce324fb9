import type { Value } from '../build/value.ts'
import { type Layer, type LayerOptions, layer, type Network, type Piece } from './layer.ts'
import type { Scope } from './scope.ts'

/** Pieces one after the other. */
export function sequential(pieces: readonly Piece[], options: LayerOptions = {}): Layer {
  return layer('sequential', options, (s, x) => pieces.reduce((value, piece) => s.call(piece, value), x))
}

/** x + what the pieces make of it (He, Zhang, Ren and Sun 2016, "Deep Residual Learning", equation 1). */
export function residual(pieces: readonly Piece[], options: LayerOptions = {}): Layer {
  return layer('residual', options, (s, x) =>
    s.g.add(
      x,
      pieces.reduce((value, piece) => s.call(piece, value), x),
    ),
  )
}

/** The same model with every parameter in it frozen: it is part of what is computed, and training leaves it as it is. */
export function frozen(model: Layer): Layer
export function frozen(model: Network): Network
export function frozen(model: Layer | Network): Layer | Network {
  return within(model, (s) => s.frozen)
}

/** Low-rank adapters: see {@link lora}. */
export interface LoraOptions {
  /** Rows of the one adapter and columns of the other: how much they can learn. */
  readonly rank: number
  /** What the adapters count: their product is multiplied by `alpha / rank`. Default: `rank`, so that it counts once. */
  readonly alpha?: number
  /**
   * Weights of dense and attention layers that have adapters: names of layers, or a test of the parameter's whole name.
   * Default: all of them.
   */
  readonly targets?: readonly string[] | ((name: string) => boolean)
}

/**
 * The same model with every parameter in it frozen, and a trained matrix of low rank added to the weights that are
 * targets: W + alpha / rank A B, of which A and B alone are learned and travel (Hu et al. 2021, "LoRA", section 4.1).
 * Inference models have it merged in.
 */
export function lora(model: Layer, options: LoraOptions): Layer
export function lora(model: Network, options: LoraOptions): Network
export function lora(model: Layer | Network, { rank, alpha = rank, targets }: LoraOptions): Layer | Network {
  const isTarget =
    typeof targets === 'function'
      ? targets
      : (name: string) => !targets || name.split('/').some((part) => targets.includes(part))
  return within(model, (s) => s.adapted({ rank, scale: alpha / rank, targets: isTarget }))
}

function within(model: Layer | Network, inner: (s: Scope) => Scope): Layer | Network {
  if (typeof model === 'function') return (s, inputs) => model(inner(s), inputs)
  const { kind, build, name } = model
  return layer(kind, name === undefined ? {} : { name }, (s: Scope, x: Value) => build(inner(s), x))
}
