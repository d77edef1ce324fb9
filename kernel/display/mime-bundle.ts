/**
 * One value in several forms, by MIME type; a front end shows the richest that it knows. There is always plain text.
 * (https://jupyter-client.readthedocs.io/en/stable/messaging.html#display-data)
 */
export interface MimeBundle {
  readonly 'text/plain': string
  readonly 'text/html'?: string
  readonly 'text/markdown'?: string
  readonly 'image/svg+xml'?: string
  /** Base64. */
  readonly 'image/png'?: string
  /** Base64. */
  readonly 'image/jpeg'?: string
  /** A Vega-Lite 5 specification. */
  readonly 'application/vnd.vegalite.v5+json'?: object
  readonly 'application/json'?: unknown
}

/** The method of a value that says how it is shown: the convention of Deno's kernel. */
export const DISPLAY: unique symbol = Symbol.for('Jupyter.display') as never

/** A value that says itself how it is shown. */
export interface Displayable {
  /** The forms it is shown in. What it rejects with is shown in its place. */
  [DISPLAY](): MimeBundle | Promise<MimeBundle>
}
