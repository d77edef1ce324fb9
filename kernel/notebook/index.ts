/** Notebook files, and running them without Jupyter: `aivida notebook run`. */

export * from './notebook.ts'
export * from './notebook-file.ts'
export * from './parameters.ts'
export * from './run.ts'
export * from './saved-outputs.ts'
export * from './started-kernel.ts'
