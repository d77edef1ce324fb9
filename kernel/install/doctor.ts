import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { broken, type Finding, ok, warning } from '../../runtime/node/doctor/check.ts'
import { VERSION } from '../../runtime/node/version.ts'
import { KernelClient } from '../client/index.ts'
import { findJupyter, said } from './find-jupyter.ts'
import { dataFolders, type JupyterSystem } from './jupyter-paths.ts'
import { findKernelspecs, type InstalledKernelspec, type Kernelspec, launcher } from './kernelspec.ts'

const NODE_MAJOR = 24
const INSTALL = 'aivida kernel install'

/** Something that was looked at, and what was found. */
export type KernelFinding = Finding & { readonly check: string }

/**
 * What is wrong with the kernel as Jupyter would start it: a finding or more for each thing that it needs, in the order in
 * which it needs them; what depends on something broken is not looked at. Never throws.
 */
export async function examineKernel(system: JupyterSystem): Promise<KernelFinding[]> {
  const jupyter = findJupyter(system)
  const found = await findKernelspecs(dataFolders(system, jupyter?.environment))
  const findings: KernelFinding[] = [
    { check: 'jupyter', ...jupyterFinding(jupyter?.command) },
    ...kernelspecFindings(found).map((finding) => ({ check: 'kernel', ...finding })),
  ]
  const spec = found[0]?.spec
  if (spec === undefined || findings.some(({ level }) => level === 'broken')) return findings
  const node = await nodeFinding(spec, system)
  findings.push({ check: 'node', ...node })
  if (node.level !== 'ok') return findings
  const zeromq = await zeromqFinding(spec, system)
  findings.push({ check: 'zeromq', ...zeromq }, { check: 'snapshot', ...(await snapshotFinding(spec, system)) })
  if (zeromq.level === 'ok') findings.push({ check: 'start', ...(await startFinding(spec)) })
  return findings
}

function jupyterFinding(command: string | undefined): Finding {
  if (command === undefined)
    return warning(
      'no jupyter on the path',
      'pipx install jupyterlab (or pip install jupyterlab in an environment), or use VS Code with its Jupyter extension',
    )
  const lab = join(dirname(command), process.platform === 'win32' ? 'jupyter-lab.exe' : 'jupyter-lab')
  return existsSync(lab) ? ok(`${command}, with JupyterLab`) : ok(`${command}, without JupyterLab beside it`)
}

function kernelspecFindings([first, ...others]: readonly InstalledKernelspec[]): Finding[] {
  if (first === undefined) return [broken('it is not installed anywhere Jupyter looks', INSTALL)]
  const findings = [kernelspecFinding(first)]
  if (others.length > 0)
    findings.push(
      warning(
        `${first.folder} hides ${others.map(({ folder }) => folder).join(', ')}`,
        'aivida kernel uninstall --all, then install it once',
      ),
    )
  return findings
}

function kernelspecFinding({ folder, spec }: InstalledKernelspec): Finding {
  if (spec === undefined) return broken(`${join(folder, 'kernel.json')} cannot be read`, INSTALL)
  const [node, script] = spec.argv
  if (node === undefined || !existsSync(node)) return broken(`${folder} starts ${node}, which is not there`, INSTALL)
  if (script === undefined || !existsSync(script))
    return broken(`${folder} starts ${script}, which is not there: aivida was moved or removed`, INSTALL)
  if (script !== launcher()) return warning(`${folder} starts another copy of aivida: ${script}`, INSTALL)
  const version = spec.metadata?.aivida?.version
  if (version !== VERSION) return warning(`${folder} was written by aivida ${version}, this is ${VERSION}`, INSTALL)
  return ok(folder)
}

async function nodeFinding({ argv: [node] }: Kernelspec, system: JupyterSystem): Promise<Finding> {
  try {
    const version = (await said(node!, ['--version'], system)).trim()
    if (Number(/^v(\d+)\./.exec(version)?.[1]) >= NODE_MAJOR) return ok(`Node ${version}`)
    return broken(`the kernel is started with Node ${version}, and needs ${NODE_MAJOR} or later`, INSTALL)
  } catch (error) {
    return broken(`${node} cannot be run: ${firstLine(error)}`, INSTALL)
  }
}

/** Loaded by the Node that the kernel gets: the binding is native, and made for a platform and a version of Node. */
async function zeromqFinding({ argv: [node, script] }: Kernelspec, system: JupyterSystem): Promise<Finding> {
  const load = `require('node:module').createRequire(${JSON.stringify(script)})('zeromq')`
  try {
    await said(node!, ['-e', load], system)
    return ok('the messaging library loads')
  } catch (error) {
    const install = 'install aivida again, for this platform'
    return broken(`zeromq, by which Jupyter speaks to the kernel, cannot be loaded: ${firstLine(error)}`, install)
  }
}

/** Without a snapshot, or with one of another Node or of before an upgrade, the kernel starts all the same, and later. */
async function snapshotFinding({ argv: [node, script] }: Kernelspec, system: JupyterSystem): Promise<Finding> {
  try {
    const { blob, bytes } = JSON.parse(await said(node!, [script!, 'snapshot', 'status'], system))
    if (blob !== undefined) return ok(`kernels start from ${blob} (${Math.round(bytes / 1024 / 1024)} MiB)`)
    return warning('there is no start-up snapshot that fits: kernels take three times as long to start', INSTALL)
  } catch (error) {
    return warning(`the start-up snapshot cannot be looked at: ${firstLine(error)}`, INSTALL)
  }
}

/** The proof: it is started as Jupyter would, and runs a cell. */
async function startFinding({ argv, env }: Kernelspec): Promise<Finding> {
  const startMs = performance.now()
  try {
    const kernel = await KernelClient.start({ argv, env })
    try {
      const { reply } = await kernel.execute('1 + 1').done()
      if (reply.status !== 'ok') return broken(`it was started, and could not run a cell: ${JSON.stringify(reply)}`)
      return ok(`it was started and has run a cell, in ${Math.round(performance.now() - startMs)} ms`)
    } finally {
      await kernel.shutdown()
    }
  } catch (error) {
    return broken((error as Error).message, INSTALL)
  }
}

function firstLine(error: unknown): string {
  const lines = String((error as Error).message).split('\n')
  return lines.find((line) => /Error:/.test(line)) ?? lines[0]!
}
