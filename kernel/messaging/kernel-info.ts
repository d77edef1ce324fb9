import { PROTOCOL_VERSION } from './message.ts'

/** What a kernel says of itself, beside what is the same for all of its versions. */
export interface KernelInfo {
  /** Of the `aivida` package. */
  readonly version: string
  /** Of TypeScript. */
  readonly languageVersion: string
}

/** The content of a `kernel_info_reply`. */
export function kernelInfo({ version, languageVersion }: KernelInfo): Record<string, unknown> {
  return {
    status: 'ok',
    protocol_version: PROTOCOL_VERSION,
    implementation: 'aivida',
    implementation_version: version,
    language_info: {
      name: 'typescript',
      version: languageVersion,
      mimetype: 'application/typescript',
      file_extension: '.ts',
      pygments_lexer: 'typescript',
      // The one name under which CodeMirror 5 (classic Notebook) and CodeMirror 6 (JupyterLab) both find TypeScript.
      codemirror_mode: 'application/typescript',
      nbconvert_exporter: 'script',
    },
    banner: `Aivida ${version}: TypeScript ${languageVersion} on a cluster of other people's machines`,
    help_links: [],
    debugger: false,
    supported_features: [],
  }
}
