/** Where Jupyter looks for kernels, this one put there, and what is wrong with it: `aivida kernel`. */
export * from './doctor.ts'
export * from './find-jupyter.ts'
export * from './jupyter-paths.ts'
export * from './kernelspec.ts'
