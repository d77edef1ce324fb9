import type { EngineChild } from '../../runtime/compute/engine/index.ts'
import { typedArrayOf } from '../../runtime/data/tensor/index.ts'
import { type Compared, distance, referenceOf } from './compared.ts'
import type { Inference } from './models.ts'
import type { Processor } from './processors.ts'
import { interleaved, type Work } from './rounds.ts'

type Run = () => Promise<Float32Array>

/** Runs a model in engine children as workers do: the batch goes there, the outputs come back. */
export async function inferred(model: Inference, all: readonly Processor[]): Promise<Compared> {
  const engines: EngineChild[] = []
  try {
    const runs = new Map<Processor, Run>()
    for (const processor of all) runs.set(processor, await ready(model, processor, engines))
    const expected = await runs.get(referenceOf(all))!()
    const [off, same] = [new Map<Processor, number>(), new Map<Processor, boolean>()]
    for (const processor of all.filter(({ card }) => card)) {
      const outputs = await runs.get(processor)!()
      const again = await (await ready(model, processor, engines))()
      await engines.pop()!.kill()
      off.set(processor, distance(outputs, expected))
      same.set(processor, distance(again, outputs) === 0)
    }
    const rates = await interleaved(new Map([...runs].map(([processor, run]) => [processor, repeated(run)])))
    return { off, same, rates: new Map([...rates].map(([of, all]) => [of, all.map((rate) => rate * model.rows)])) }
  } finally {
    await Promise.all(engines.map((engine) => engine.kill()))
  }
}

async function ready(model: Inference, { start, options, target }: Processor, engines: EngineChild[]): Promise<Run> {
  const engine = start()
  engines.push(engine)
  const session = await engine.load({ graph: model.graph(target) }, options)
  const [input] = session.inputs
  const [output] = session.outputs
  return async () => typedArrayOf((await session.run({ [input!.name]: model.batch }))[output!.name]!) as Float32Array
}

function repeated(run: Run): Work {
  return async (count) => {
    const start = performance.now()
    for (let i = 0; i < count; i++) await run()
    return (performance.now() - start) / 1_000
  }
}
