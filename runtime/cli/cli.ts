import { Command, CommanderError, InvalidArgumentError, type OptionValues } from 'commander'
import { type AividaError, type Config, describeConfig, isAividaError, loadConfig, userError } from '../base/index.ts'
import { readConfig } from '../node/config-file.ts'
import type { Client } from '../node/control/client.ts'
import { harmless } from './figures.ts'
import type { Io } from './io.ts'

/** Which settings a command takes as flags: those of a node, those that find a running one, or none. */
export type ConfigFlags = 'node' | 'client' | 'none'

const CLIENT_FLAGS: readonly string[] = ['dataDir', 'socketPath']
/** Asked for by each command. */
const CONFIG_ROWS = describeConfig()

/** What a command does, with its arguments as they were typed. */
export type Action = (session: Session, args: readonly string[]) => Promise<void>

/** How to define a command. */
export interface CommandInit {
  /** `name <required> [optional] [many...]` */
  readonly usage: string
  readonly description: string
  /** Default: `client`. */
  readonly config?: ConfigFlags
  readonly action: Action
}

/** The command line: commander, with the settings' flags and `--json` on every command. */
export class Cli {
  readonly program: Command
  /** Whether the command that ran was asked for JSON; `undefined` when none has run. */
  json: boolean | undefined
  /** The flags by which the command that ran finds its node, as they were typed. */
  whereFlags = ''
  /** What the command that ran makes of its success: a `doctor` that found something is no error. */
  exitCode = 0
  readonly #io: Io

  constructor(io: Io, version: string) {
    this.#io = io
    this.program = new Command('aivida')
      .description("A research cluster made of other people's machines")
      .version(version)
      .enablePositionalOptions()
    this.#quiet(this.program)
  }

  /** Adds a command; its own options are added to what this returns. */
  command({ usage, description, config = 'client', action }: CommandInit, parent = this.program): Command {
    const command = parent.command(usage).description(description)
    this.#quiet(command)
    command.option('--json', 'print JSON')
    const flags = addConfigFlags(command, config)
    return command.action(async (...called: unknown[]) => {
      const options = command.opts()
      const values = Object.fromEntries(flags.map((key) => [key, options[key]]))
      const args = called
        .slice(0, -2)
        .flat()
        .filter((arg) => arg !== undefined)
      const session = new Session(this.#io, options, values)
      this.json = session.json
      this.whereFlags = session.whereFlags
      await action(session, args as string[])
      this.exitCode = session.exitCode
    })
  }

  /** Adds a command that only groups others (`aivida account ...`). */
  group(name: string, description: string): Command {
    return this.#quiet(this.program.command(name).description(description))
  }

  /**
   * Runs a command line; one that names no command is answered with what there is. Throws what the action threw, and
   * `usage.*` when the line makes no sense.
   */
  async run(argv: readonly string[]): Promise<void> {
    try {
      await this.program.parseAsync([...argv], { from: 'user' })
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error
      if (error.exitCode === 0) return // help or version, already printed
      const [command, names] = this.#named(argv)
      if (error.code === 'commander.help') return command.outputHelp() // it only groups others, and none was named
      const help = ['aivida', ...names, '--help'].join(' ')
      const what = error.code.replace(/^commander\./, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
      throw userError(`usage.${what}`, `${error.message.replace(/^error: /, '').replace('\n', ' ')}; see ${help}`)
    }
  }

  /** The command that a line names, and the words that name it: none, when it is the program itself. */
  #named(argv: readonly string[]): [Command, string[]] {
    const names: string[] = []
    let named = this.program
    for (const word of argv) {
      const known = named.commands.find((command) => command.name() === word || command.aliases().includes(word))
      if (!known) break
      names.push(word)
      named = known
    }
    return [named, names]
  }

  #quiet(command: Command): Command {
    return command.exitOverride().configureOutput({
      writeOut: (text) => this.#io.out(text),
      writeErr: () => {}, // the error comes as an exception, and is printed like any other
      getOutHelpWidth: () => this.#io.columns,
    })
  }
}

/** An option's or an argument's value as a whole number. */
export function parseCount(text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  throw new InvalidArgumentError(`expected a whole number, found ${text}`)
}

/** Flags for settings, from the one table of options. Returns the options' keys. */
function addConfigFlags(command: Command, config: ConfigFlags): string[] {
  const rows = CONFIG_ROWS.filter(({ key }) => config === 'node' || CLIENT_FLAGS.includes(key))
  if (config === 'none') return []
  for (const { flag, description, expected, unit, default: value, env } of rows) {
    const help = `${description} (${[unit, value && `default: ${value}`, env].filter(Boolean).join(', ')})`
    if (expected === 'true or false') command.option(flag, help).option(flag.replace('--', '--no-'))
    else command.option(`${flag} <value>`, help)
  }
  return rows.map(({ key }) => key)
}

/** The flags of these settings as they are typed, each with its value if it takes one. */
function flagsOf(
  values: Readonly<Record<string, unknown>>,
  isWanted: (key: string) => boolean = () => true,
): [flag: string, ...value: string[]][] {
  return CONFIG_ROWS.flatMap(({ key, flag }): [string, ...string[]][] => {
    const value = values[key]
    if (value === undefined || !isWanted(key)) return []
    if (typeof value === 'boolean') return [[value ? flag : flag.replace('--', '--no-')]]
    return [[flag, String(value)]]
  })
}

/** A word as a shell takes it for one. */
export function quoted(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** One run of a command: its settings, its node, its output. */
export class Session {
  readonly io: Io
  /** The command's own options. */
  readonly options: OptionValues
  /** What the process exits with when the command succeeds. Default: 0. */
  exitCode = 0
  readonly #flags: Readonly<Record<string, unknown>>
  #config: Config | undefined

  constructor(io: Io, options: OptionValues, flags: Readonly<Record<string, unknown>>) {
    this.io = io
    this.options = options
    this.#flags = flags
  }

  /** Whether results are printed as JSON. */
  get json(): boolean {
    return this.options.json === true
  }

  /** The settings from file, environment and flags. Throws `config.*`. */
  get config(): Config {
    this.#config ??= readConfig(this.#sources)
    return this.#config
  }

  /** The settings; when something is wrong with them, without their file, or else the defaults alone. */
  bestConfig(): { readonly config: Config; readonly problem: AividaError | undefined } {
    try {
      return { config: this.config, problem: undefined }
    } catch (error) {
      if (!isAividaError(error)) throw error
      for (const sources of [this.#sources, { system: this.#sources.system }])
        try {
          return { config: loadConfig(sources), problem: error }
        } catch {
          // not the file, then, or not the file alone
        }
      throw error
    }
  }

  get #sources() {
    const { home, cwd, platform, env } = this.io
    return { system: { home, cwd, platform }, env, flags: this.#flags }
  }

  /** The settings that were given as flags, for a process that is started with the same in another folder. */
  get configFlags(): string[] {
    const { dataDir, socketPath } = this.config
    return flagsOf({ ...this.#flags, dataDir, socketPath }).flat()
  }

  /** The flags that were given for a node's start, without their values: a node that runs already cannot take them. */
  get startFlags(): string[] {
    return flagsOf(this.#flags, (key) => !CLIENT_FLAGS.includes(key)).map(([flag]) => flag)
  }

  /** The flags by which this command finds its node, as they are typed in a shell; empty when none was given. */
  get whereFlags(): string {
    return flagsOf(this.#flags, (key) => CLIENT_FLAGS.includes(key))
      .flat()
      .map(quoted)
      .join(' ')
  }

  /** What requests to the node are given: Ctrl-C ends them. */
  get request(): { readonly signal: AbortSignal } {
    return { signal: this.io.signal }
  }

  /** A client of this data folder's node, which may or may not be running. */
  async client(): Promise<Client> {
    const { Client } = await import('../node/control/client.ts')
    return new Client({ socketPath: this.config.socketPath })
  }

  /** Prints a result: as JSON on one line, or as text for people. */
  print(value: unknown, text: (() => string) | string): void {
    this.io.out(this.json ? `${JSON.stringify(value)}\n` : harmless(typeof text === 'string' ? text : text()))
  }

  /** Says something to people, beside the result: on the error stream, and not at all when they asked for JSON. */
  note(text: string): void {
    if (!this.json) this.io.err(`${harmless(text)}\n`)
  }
}
