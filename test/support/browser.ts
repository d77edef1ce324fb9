import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findCommand } from '../../kernel/install/index.ts'

/** Chromium on this machine: `CHROMIUM`, or the first of its names on the path. */
export function findBrowser(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  const path = process.env.PATH ?? ''
  return process.env.CHROMIUM ?? names.map((name) => findCommand(name, path, process.platform)).find(Boolean)
}

interface Reply {
  readonly id?: number
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly message: string }
}

/** A page in a headless browser of its own, spoken to by the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/). */
export class BrowserPage implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #folder: string
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, PromiseWithResolvers<Readonly<Record<string, unknown>>>>()
  #session: string | undefined
  #next = 1

  private constructor(process: ChildProcess, folder: string, socket: WebSocket) {
    this.#process = process
    this.#folder = folder
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => this.#hear(JSON.parse(String(data))))
  }

  /** Opens an address. */
  static async open(browser: string, url: string): Promise<BrowserPage> {
    const folder = await mkdtemp(join(tmpdir(), 'aivida-browser-'))
    const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-sync']
    const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-extensions']
    const own = ['--remote-debugging-port=0', `--user-data-dir=${folder}`, '--window-size=1200,1100']
    const child = spawn(browser, [...flags, ...quiet, ...own, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] })
    const socket = new WebSocket(await devtoolsUrl(child))
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve, { once: true })
      socket.addEventListener('error', reject, { once: true })
    })
    const page = new BrowserPage(child, folder, socket)
    const { targetId } = await page.#send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await page.#send('Target.attachToTarget', { targetId, flatten: true })
    page.#session = String(sessionId)
    await page.#send('Page.enable')
    await page.#send('Page.navigate', { url })
    return page
  }

  /** Evaluates an expression, or awaits it, in the page; gives its value. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.#send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })) as { result: { value: T }; exceptionDetails?: { text: string; exception?: { description?: string } } }
    if (exceptionDetails)
      throw new Error(`${expression}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`)
    return result.value
  }

  /** Waits until an expression is true. */
  async until(expression: string, ms = 60_000): Promise<void> {
    const endMs = performance.now() + ms
    for (;;) {
      if (await this.evaluate<boolean>(`Boolean(${expression})`).catch(() => false)) return
      if (performance.now() > endMs) throw new Error(`after ${ms} ms still not so: ${expression}`)
      await sleep(50)
    }
  }

  /** Writes what is seen as a PNG file. */
  async screenshot(path: string): Promise<void> {
    const { data } = await this.#send('Page.captureScreenshot', { format: 'png' })
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, Buffer.from(String(data), 'base64'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()))
    this.#socket.close()
    this.#process.kill('SIGKILL')
    await gone
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }

  #send(method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> {
    const id = this.#next++
    const answer = Promise.withResolvers<Readonly<Record<string, unknown>>>()
    this.#waiting.set(id, answer)
    this.#socket.send(JSON.stringify({ id, method, params, ...(this.#session && { sessionId: this.#session }) }))
    return answer.promise
  }

  #hear({ id, result, error }: Reply): void {
    const answer = id === undefined ? undefined : this.#waiting.get(id)
    if (id === undefined || answer === undefined) return
    this.#waiting.delete(id)
    if (error) answer.reject(new Error(error.message))
    else answer.resolve(result ?? {})
  }
}

function devtoolsUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said += text
      const url = /DevTools listening on (ws:\/\/\S+)/.exec(said)?.[1]
      if (url) resolve(url)
    })
    child.once('exit', (code) => reject(new Error(`the browser ended (${code}): ${said}`)))
    child.once('error', reject)
  })
}
