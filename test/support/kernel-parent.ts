/** Starts a kernel, says its process id, and waits to be killed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { KernelClient } from '../../kernel/client/index.ts'
import { FAKE_KERNEL } from './kernels.ts'

const kernel = await KernelClient.start({ argv: FAKE_KERNEL })
console.log(kernel.pid)
await sleep(60_000)
