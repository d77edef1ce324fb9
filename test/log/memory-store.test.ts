import { test } from 'uvu'
import { memoryLogHome, memoryLogStore } from '../../runtime/log/index.ts'
import { logConformance } from '../conformance/log.ts'

logConformance('memory', () => {
  const home = memoryLogHome()
  return () => memoryLogStore(home)
})

test.run()
