/** Pictures of printed lines of Moby Dick, a pretrained network that reads them, and how well it did. */
export * from './error-rate.ts'
export * from './recogniser.ts'
export * from './render.ts'
