/** Reads a URL as a node does, with this process's environment, and prints how that went: `N bytes` or an error's code. */
import { isAividaError, systemClock } from '../../../runtime/base/index.ts'
import { egress, openRemote } from '../../../runtime/data/remote/index.ts'

try {
  const way = await egress({ env: process.env })
  const file = await openRemote({ url: process.argv[2]!, egress: way, clock: systemClock })
  console.log(`${(await file.read(0, file.sizeBytes)).byteLength} bytes`)
  await way.close()
} catch (error) {
  console.log(isAividaError(error) ? `${error.code} ${error.message}` : String(error))
}
