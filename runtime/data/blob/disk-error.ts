import { AividaError, isAividaError } from '../../base/index.ts'

/** A failed file operation as `disk.full` (space or quota used up) or `disk.failed`; our own errors as they are. */
export function diskError(error: unknown, dir: string): AividaError {
  if (isAividaError(error)) return error
  const errno = hasErrno(error) ? error.code : undefined
  const full = errno === 'ENOSPC' || errno === 'EDQUOT'
  const why = error instanceof Error ? error.message : String(error)
  return new AividaError({
    code: full ? 'disk.full' : 'disk.failed',
    category: 'platform',
    message: full
      ? `no space left for ${dir}; nothing half-written was kept; free some space there or use another folder, then repeat`
      : `cannot read or write in ${dir} (${why}); check the folder's permissions and the disk`,
    retryable: full,
    cause: error,
    facts: { dir, ...(errno !== undefined && { errno }) },
  })
}

/** Whether a file operation failed because there is no such file. */
export function isMissing(error: unknown): boolean {
  return hasErrno(error) && error.code === 'ENOENT'
}

function hasErrno(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string'
}
