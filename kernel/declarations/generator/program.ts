import { join } from 'node:path'
import ts from '@tslab/typescript-for-tslab'

/** Packages whose own declarations are read: what is inferred from theirs cannot be written without them. */
const READ_PACKAGES = ['zod', '@bufbuild/protobuf']

/**
 * The sources that `entries` (paths below `root`) reach, as the compiler of cells sees them. Names from other packages stay
 * what they are called: their declarations are not read, which halves the time.
 */
export function openProgram(root: string, entries: readonly string[]): ts.Program {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const settings = { ...config.compilerOptions, target: 'esnext', lib: ['esnext'], types: [] }
  const { options } = ts.convertCompilerOptionsFromJson(settings, root)
  const host = ts.createCompilerHost(options)
  const cache = ts.createModuleResolutionCache(root, (name) => name, options)
  host.resolveModuleNameLiterals = (literals, containingFile, redirected, _options, sourceFile) =>
    literals.map((literal) => {
      if (!isRead(literal.text, containingFile)) return { resolvedModule: undefined }
      const mode = ts.getModeForUsageLocation(sourceFile, literal)
      return ts.resolveModuleName(literal.text, containingFile, options, host, cache, redirected, mode)
    })
  const files = entries.map((entry) => join(root, entry))
  return ts.createProgram(files, options, host)
}

function isRead(name: string, containingFile: string): boolean {
  return name.startsWith('.') || containingFile.includes('/node_modules/') || READ_PACKAGES.includes(name)
}
