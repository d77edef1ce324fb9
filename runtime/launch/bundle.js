/**
 * Around `npm pack`: the package carries onnxruntime-node inside, without its install script, which would download
 * from outside the registry. `strip` takes the script out before packing, `restore` puts it back afterwards.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

const manifest = 'node_modules/onnxruntime-node/package.json'
const original = 'node_modules/.onnxruntime-node.json'

if (process.argv[2] === 'strip') {
  rmSync('dist', { recursive: true, force: true }) // or a deleted source would still be published
  if (!existsSync(original)) renameSync(manifest, original) // it exists after a pack that was interrupted
  const { scripts, devDependencies, ...kept } = JSON.parse(readFileSync(original, 'utf8'))
  writeFileSync(manifest, JSON.stringify(kept, null, 2))
} else if (existsSync(original)) {
  renameSync(original, manifest)
}
