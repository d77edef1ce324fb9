/**
 * One of two yardsticks: a plain process around a training step, nothing between it and its batches. Started with (task,
 * first batch, batches); says `ready`, and answers a number of steps with the seconds that they took.
 */

import { BareTraining } from './bare-step.ts'
import { feedsOf } from './batches.ts'
import { type TaskName, taskOf } from './task.ts'

const [name, first, count] = process.argv.slice(2)
const task = await taskOf(name as TaskName)
const feeds = await feedsOf(task, Number(first) + Number(count))
const training = await BareTraining.start(task.step, feeds.slice(Number(first)))

process.on('message', (steps: number) => {
  void training.steps(steps).then(({ seconds }) => process.send?.(seconds))
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
