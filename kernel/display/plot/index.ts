/** Charts of tables and arrays, as SVG of their own and as Vega-Lite specifications. */
import { barChart, histogramChart } from './bars.ts'
import type { Chart } from './chart.ts'
import type { PlotData } from './columns.ts'
import { type PlotOptions, seriesChart } from './lines.ts'
import { confusionChart, heatmapChart, type MatrixOptions } from './matrix.ts'

/**
 * Draws Arrow tables, `{ name: values }`, rows as objects, arrays, typed arrays and tensors. A cell that ends with a chart shows
 * it; `display(chart)` does in between. Each throws `plot.data`, `plot.column`.
 */
export interface Plot {
  /**
   * Lines: `plot.line(metrics, { x: 'step', y: ['loss', 'accuracy'] })`. Default: all columns of numbers, by row. A line runs from
   * left to right, whatever order its rows have; of metrics of several workers each has one (`by`).
   */
  line(data: PlotData, options?: PlotOptions): Chart
  /** Dots: `plot.scatter(table, { x: 'size', y: 'loss' })`. */
  scatter(data: PlotData, options?: PlotOptions): Chart
  /** A bar each row: `plot.bar(table, { x: 'label', y: 'count' })`. */
  bar(data: PlotData, options?: PlotOptions): Chart
  /** How often values occur: `plot.histogram(values, { bins: 30 })`, or of a column `x`. */
  histogram(data: PlotData, options?: PlotOptions & { readonly bins?: number }): Chart
  /** A tensor of two dimensions, or rows of numbers. */
  heatmap(data: unknown, options?: MatrixOptions): Chart
  /** How often a class was taken for which: `plot.confusion(labels, predicted)`. `labels`: what the classes are called. */
  confusion(
    actual: unknown,
    predicted: unknown,
    options?: Pick<MatrixOptions, 'title'> & { readonly labels?: readonly unknown[] },
  ): Chart
}

/** See {@link Plot}. */
export const plot: Plot = {
  line: (data, options = {}) => seriesChart(data, options, 'line'),
  scatter: (data, options = {}) => seriesChart(data, options, 'point'),
  bar: (data, options = {}) => barChart(data, options),
  histogram: (data, options = {}) => histogramChart(data, options),
  heatmap: (data, options = {}) => heatmapChart(data, options),
  confusion: (actual, predicted, options = {}) => confusionChart(actual, predicted, options),
}
