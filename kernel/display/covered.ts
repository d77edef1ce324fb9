import { isSecretField, REDACTED, redactedText } from '../../runtime/base/secrets.ts'
import type { MimeBundle } from './mime-bundle.ts'
import { cut, plain } from './plain.ts'

/** Characters of one form: a front end that is given more stands still. */
const FORM_CHARACTERS = 20_000_000

/**
 * A bundle as it may stay in a notebook: without secrets that can be told by how they look or what they are called, its plain
 * text harmless, no form larger than a front end can take. There is plain text afterwards, whatever it was made of.
 */
export function covered(bundle: MimeBundle): MimeBundle {
  const forms = Object.entries(bundle ?? {}).flatMap(([type, form]): [string, unknown][] => {
    if (form === undefined) return []
    if (type === 'text/plain') return []
    if (typeof form === 'string' && form.length > FORM_CHARACTERS) return []
    if (type.startsWith('image/') && type !== 'image/svg+xml') return [[type, form]]
    return [[type, typeof form === 'string' ? redactedText(form) : coveredJson(form)]]
  })
  const text = bundle?.['text/plain']
  return { ...Object.fromEntries(forms), 'text/plain': typeof text === 'string' ? plain(text) : namesOf(forms) }
}

/** JSON without secrets; what is no JSON, or too much, becomes a text that says so. */
export function coveredJson(value: unknown): unknown {
  try {
    const text = JSON.stringify(value, (name, each) => {
      if (typeof each === 'bigint') return each.toString()
      if (typeof each !== 'string') return each
      return isSecretField(name, each) ? REDACTED : redactedText(each)
    })
    if (text === undefined) return null
    return text.length > FORM_CHARACTERS ? cut(text, 1_000) : JSON.parse(text)
  } catch (error) {
    return `not JSON: ${error instanceof Error ? error.message : String(error)}`
  }
}

function namesOf(forms: readonly (readonly [string, unknown])[]): string {
  return forms.length === 0 ? 'nothing to show' : `shown as ${forms.map(([type]) => type).join(', ')}`
}
