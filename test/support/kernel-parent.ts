/** Starts a kernel, perhaps lets it `compute` or `loop`, says its process id, and waits to be killed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { KernelClient } from '../../kernel/client/index.ts'
import { FAKE_KERNEL, isBusy } from './kernels.ts'

const kernel = await KernelClient.start({ argv: FAKE_KERNEL })
if (process.argv[2]) await isBusy(kernel, process.argv[2])
console.log(kernel.pid)
await sleep(60_000)
