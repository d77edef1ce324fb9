/**
 * Engines run graphs. The port is `engine.ts`; onnxruntime serves it in this process (`onnxruntime.ts`) and, for
 * anybody else's models, in a child that may be killed at any time (`child/`). To add an engine, implement the port and
 * call `test/conformance/engine.ts` from its test.
 */
export { type ChildSettings, type Command, engineCommand } from './child/command.ts'
export { EngineChild, type EngineChildInit } from './child/engine-child.ts'
export { EnginePool, type EnginePoolInit, type LentEngine, type PoolKey } from './child/pool.ts'
export { type EngineProcess, type Exit, spawnEngine } from './child/process.ts'
export type * from './engine.ts'
export { OnnxRuntimeEngine } from './onnxruntime.ts'
