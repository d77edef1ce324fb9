import { PROTOCOL_VERSION } from './message.ts'

/** The content of a `kernel_info_reply`: what a kernel of this version of `aivida` and of TypeScript says of itself. */
export function kernelInfo(version: string, languageVersion: string): Record<string, unknown> {
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
