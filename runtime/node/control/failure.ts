import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { type AividaError, assertNever, type ErrorCategory, toAividaError, userError } from '../../base/index.ts'

/** Codes whose status tells more than their category's. */
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  'request.no-route': 404,
  'request.too-large': 413,
  'job.unknown': 404,
  'member.unknown': 404,
  'job.not-done': 409,
  'node.draining': 409,
  'data.full': 409,
  'events.too-many-readers': 429,
}

/** The HTTP status that goes with an error. */
export function statusOf(error: AividaError): number {
  return STATUS_BY_CODE[error.code] ?? statusOfCategory(error.category)
}

function statusOfCategory(category: ErrorCategory): number {
  switch (category) {
    case 'user':
    case 'config':
      return 400
    case 'peer':
      return 502
    case 'platform':
      return 503
    case 'timeout':
      return 504
    case 'aborted':
      return 499 // nobody is left to read it
    case 'internal':
      return 500
    default:
      return assertNever(category)
  }
}

/** Whatever a handler or the HTTP layer threw, as one of our errors. */
export function failureOf(error: unknown): AividaError {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const problems = error.validation.map((problem) => {
      const at = [error.validationContext, ...problem.instancePath.split('/').filter(Boolean)].join('.')
      return `${at}: ${problem.message}`
    })
    return userError('request.invalid', problems.join('; '))
  }
  const status = (error as { statusCode?: unknown }).statusCode
  const message = error instanceof Error ? error.message : String(error)
  if (status === 413) return userError('request.too-large', message)
  if (typeof status === 'number' && status >= 400 && status < 500) return userError('request.malformed', message)
  return toAividaError(error)
}
