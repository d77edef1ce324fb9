/** Sweeps: trainings that differ in some parameters, and the strategy that says which of them go on. */
export * from './strategy.ts'
export * from './sweep.ts'
export { reportOf, type TrialReport } from './trials.ts'
