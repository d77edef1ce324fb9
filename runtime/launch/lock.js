/**
 * `npm run lock`: brings package-lock.json up to date with package.json and lists every platform's packages in it.
 * A registry may hide the packages of other platforms; npm then leaves them out, and `npm ci` refuses the lockfile.
 * Their entries follow from what their parent asks for: an exact version of a name that ends with the platform.
 */
import { execSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const PLATFORM = /-(android|darwin|freebsd|linux|win32)-(arm64|arm|ia32|x64)(?:-(gnu|musl|msvc))?$/
const EXACT = /^\d+\.\d+\.\d+$/
const LIBC = { gnu: ['glibc'], musl: ['musl'] }

execSync('npm install --package-lock-only --ignore-scripts --loglevel=error', { stdio: 'inherit' })
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
const added = []
for (const [parent, { optionalDependencies = {} }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (isListed(parent, name, version)) continue
    const shared = `node_modules/${name}`
    lock.packages[shared in lock.packages ? `${parent}/${shared}` : shared] = entry(name, version)
    added.push(`${name}@${version}`)
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')))
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)
console.log(added.length === 0 ? 'the lockfile is complete' : `added ${added.join(', ')}`)

/** Whether what `parent` asks for is found where Node looks: in its own node_modules or in one above it. */
function isListed(parent, name, version) {
  for (let folder = parent; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const found = lock.packages[`${folder}${folder && '/'}node_modules/${name}`]
    if (found) return found.version === version || !EXACT.test(version) // npm has checked the ranges
    if (folder === '') return false
  }
}

function entry(name, version) {
  const [, os, cpu, libc] = PLATFORM.exec(name) ?? []
  if (!os || !EXACT.test(version)) throw new Error(`${name}@${version}: neither listed by the registry nor derivable`)
  return { version, cpu: [cpu], ...(LIBC[libc] && { libc: LIBC[libc] }), optional: true, os: [os] }
}
