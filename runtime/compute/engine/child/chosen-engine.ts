import { assertNever } from '../../../base/errors.ts'
import type { Engine } from '../engine.ts'
import { OnnxRuntimeEngine } from '../onnxruntime.ts'
import type { EngineChoice } from './command.ts'

/** The engine of this name, its library loaded. Throws `engine.not-installed`. */
export async function chosenEngine(choice: EngineChoice): Promise<Engine> {
  switch (choice) {
    case 'auto':
      return loaded(new OnnxRuntimeEngine('onnxruntime-node')).catch((error: unknown) =>
        // Both are told of by what cannot be mended here: that there is no native build.
        loaded(new OnnxRuntimeEngine('onnxruntime-web')).catch(() => {
          throw error
        }),
      )
    case 'onnxruntime-node':
    case 'onnxruntime-web':
      return loaded(new OnnxRuntimeEngine(choice))
    case 'tfjs': {
      const { TfjsEngine } = await import('../tfjs/engine.ts')
      return loaded(new TfjsEngine())
    }
    default:
      return assertNever(choice)
  }
}

async function loaded(engine: Engine): Promise<Engine> {
  await engine.info()
  return engine
}
