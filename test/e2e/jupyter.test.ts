// timeout: 300 s
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { controlSocketPath } from '../../runtime/base/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { BrowserPage, findBrowser } from '../support/browser.ts'
import { findTestJupyter, JupyterHome, JupyterLab } from '../support/jupyter.ts'
import { NOTEBOOKS, notebookFiles, plainText, storedCells } from '../support/notebooks.ts'
import { skip } from '../support/skip.ts'

/** Pictures of what was seen; git ignores it. */
const SCREENSHOTS = fileURLToPath(new URL('./screenshots/', import.meta.url))
/** What an interrupt may take until no worker computes for the job any more. Generous: it is measured in the kernel's bench. */
const CANCEL_MS = 5_000
/** What the training of the quickstart may take on a busy machine. */
const TRAINING_MS = 120_000
const NEEDED = 'Jupyter: set JUPYTER to the jupyter command of an environment with jupyterlab, nbclient and nbconvert'

const VALIDATE = `
import sys, nbformat
for path in sys.argv[1:]:
    with open(path, encoding='utf8') as file: text = file.read()
    notebook = nbformat.reads(text, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert nbformat.writes(notebook) == text.rstrip('\\n'), path + ' is not what Jupyter would write'
`

const jupyter = findTestJupyter()
const browser = findBrowser()

interface Context {
  cluster: LocalCluster
  home: JupyterHome
}

const real = suite<Context>('with Jupyter itself')

real.before(async (context) => {
  if (!jupyter) return
  context.cluster = await LocalCluster.start({ workers: 2 })
  const { dataDir } = context.cluster.submitter
  context.home = await JupyterHome.make({
    AIVIDA_DATA_DIR: dataDir,
    AIVIDA_SOCKET_PATH: controlSocketPath(dataDir, process.platform),
  })
})

real.after(async ({ cluster, home }) => {
  if (!jupyter) return
  await cluster.stop()
  await home[Symbol.asyncDispose]()
})

const run = promisify(execFile)

real("every notebook is valid by Jupyter's own schema, and is what Jupyter would write", async () => {
  if (!jupyter) return skip(NEEDED)
  await run(jupyter.python, ['-c', VALIDATE, ...notebookFiles().map((file) => join(NOTEBOOKS, file))])
})

real('the quickstart runs by nbclient, under the kernelspec that is installed', async ({ home }) => {
  if (!jupyter) return skip(NEEDED)
  const args = ['nbconvert', '--to', 'notebook', '--execute', '--output-dir', home.folder, '--output', 'out.ipynb']
  const env = home.env as NodeJS.ProcessEnv
  await run(jupyter.command, [...args, join(NOTEBOOKS, 'quickstart.ipynb')], { env, cwd: NOTEBOOKS })
  const cells = storedCells(join(home.folder, 'out.ipynb'))
  const shown = cells.map(plainText).join('\n')
  assert.match(shown, /\d{3} of 1000 digits are right/)
  const training = cells.find(({ source }) => source.join('').includes('cluster.train('))!
  assert.is(training.outputs!.length, 1, 'a job is one output, updated in place')
})

const LONG = `import { dense, meanSquaredError, sequential, sgd, tensorOf } from 'aivida'

const x = tensorOf(new Float32Array(64 * 256), [64, 256])
await cluster.train({
  name: 'long',
  model: sequential([dense(512), dense(512), dense(256)]),
  data: { x, labels: x },
  loss: meanSquaredError(),
  optimizer: sgd(),
  learningRate: 1e-3,
  batchSize: 64,
  steps: 1_000_000,
})`

/** The kernel of the notebook that is in front is there and waits. */
const IDLE = 'window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === "idle"'
const command = (name: string, args = {}) =>
  `void window.jupyterapp.commands.execute(${JSON.stringify(name)}, ${JSON.stringify(args)})`
/** Of the code cell with this number, how many outputs it has, and their text as it is seen. */
const outputsOf = (cell: number) => `(() => {
  const { widgets } = window.jupyterapp.shell.currentWidget.content
  const { outputArea } = widgets.filter((each) => each.model.type === 'code')[${cell}]
  return { count: outputArea.model.length, text: outputArea.node.innerText }
})()`

real(
  'in JupyterLab progress moves in one output, and an interrupt cancels the job on the workers',
  async ({ cluster, home }) => {
    if (!jupyter) return skip(NEEDED)
    if (!browser) return skip('a browser: set CHROMIUM, or install chromium')
    const folder = join(home.folder, 'notebooks')
    mkdirSync(folder)
    symlinkSync(join(NOTEBOOKS, '../node_modules'), join(folder, 'node_modules'))
    cpSync(join(NOTEBOOKS, 'quickstart.ipynb'), join(folder, 'quickstart.ipynb'))
    const cell = { cell_type: 'code', id: 'long', metadata: {}, source: LONG, outputs: [], execution_count: null }
    const metadata = { kernelspec: { name: 'aivida', display_name: 'Aivida', language: 'typescript' } }
    const long = { nbformat: 4, nbformat_minor: 5, metadata, cells: [cell] }
    writeFileSync(join(folder, 'long.ipynb'), JSON.stringify(long))
    await using lab = await JupyterLab.start(jupyter.command, home, folder)

    await using page = await BrowserPage.open(browser, lab.url('lab/tree/quickstart.ipynb'))
    await page.until(IDLE)
    await page.evaluate(command('notebook:run-all-cells'))
    const seen = new Set<string>()
    const endMs = performance.now() + TRAINING_MS
    for (;;) {
      const { count, text } = await page.evaluate<{ count: number; text: string }>(outputsOf(2))
      assert.ok(count <= 1, text)
      if (text !== '') seen.add(text)
      if (/\bdone\b[\s\S]*\b300\s+of 300 steps/.test(text)) break
      assert.ok(performance.now() < endMs, text)
      await sleep(20)
    }
    assert.ok(seen.size >= 3, `progress was seen to move: ${[...seen].join(' | ')}`)
    await page.until(`/digits are right/.test(${outputsOf(5)}.text)`)
    await page.until(IDLE)
    for (const [theme, name] of [
      ['JupyterLab Light', 'light'],
      ['JupyterLab Dark', 'dark'],
    ] as const) {
      await page.evaluate(command('apputils:change-theme', { theme }))
      await page.until(`document.body.dataset.jpThemeName === ${JSON.stringify(theme)}`)
      for (const cell of [0, 5, 11]) {
        await page.evaluate(`void window.jupyterapp.shell.currentWidget.content.scrollToItem(${cell}, 'start')`)
        await sleep(300) // for the picture alone: it scrolls smoothly
        await page.screenshot(join(SCREENSHOTS, `quickstart-${name}-${cell}.png`))
      }
    }

    await page.evaluate(command('docmanager:open', { path: 'long.ipynb' }))
    await page.until(`/long/.test(window.jupyterapp.shell.currentWidget?.title.label) && ${IDLE}`)
    await page.evaluate(command('notebook:run-all-cells'))
    const job = async () => (await cluster.client.jobs()).find(({ name }) => name === 'long')
    const running = (status: Awaited<ReturnType<typeof job>>) =>
      (status?.workers ?? []).reduce((sum, worker) => sum + worker.running, 0)
    for await (const event of cluster.client.events({ signal: AbortSignal.timeout(60_000) }))
      if (event.type === 'training' && event.job === (await job())?.job) break // it computes
    assert.ok(running(await job()) > 0)
    const askedMs = performance.now()
    await page.evaluate(command('notebook:interrupt-kernel'))
    for (;;) {
      const status = await job()
      if (status?.state === 'cancelled' && running(status) === 0) break
      assert.ok(performance.now() - askedMs < CANCEL_MS, `${status?.state}, ${running(status)} shards run`)
      await sleep(10)
    }
    console.log(`cancel_ms ${Math.round(performance.now() - askedMs)}`)
    await page.until(`/interrupted/.test(${outputsOf(0)}.text)`)
    await page.screenshot(join(SCREENSHOTS, 'interrupted.png'))
  },
)

real.run()
