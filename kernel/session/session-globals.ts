import type * as Core from '@tensorflow/tfjs-core'
import type { Table } from 'apache-arrow'
import type { Display } from '../display/display.ts'
import type { Plot } from '../display/plot/index.ts'
import type { Cluster } from './cluster.ts'
import type { Arrow, Tf } from './packages.ts'
import type { Sql } from './sql.ts'

/** What every cell finds without an import, by name. What is costly is loaded when a cell first names it. */
export interface SessionGlobals {
  /** The cluster: `cluster.train`, `cluster.infer`, `cluster.sweep`, `cluster.job(id)`, `cluster.start()`. */
  readonly cluster: Cluster
  /** Shows any value, as often as one likes: `display(value)`, `display.html(markup)`; `.update(value)` replaces it. */
  readonly display: Display
  /** Draws tables, arrays and tensors: `plot.line(metrics, { x: 'step', y: 'loss' })`, `plot.confusion(labels, predicted)`. */
  readonly plot: Plot
  /** TensorFlow.js: core and layers. Its tensors and models go into `cluster.infer` and `cluster.train` as they are. */
  readonly tf: Tf
  /** Apache Arrow: results are its tables. */
  readonly arrow: Arrow
  /** Asks DuckDB of tables and files. */
  readonly sql: Sql
  /**
   * Columns of an Arrow table, such as a result, as tensors of TensorFlow.js, by their names: `const { row, output } = await
   * toTensors(rows)`. `output` is the only column beside `row`, whatever it is called. Default: all that a tensor can hold. Integers
   * become `int32`, floats `float32`. Throws `input.column`, also for `output` where there are several, `input.value`.
   */
  readonly toTensors: (table: Table, columns?: readonly string[]) => Promise<Record<string, Core.Tensor>>
}
