import { getCACertificates } from 'node:tls'
import type { Dispatcher } from 'undici'
import { AividaError, limit } from '../../base/index.ts'

/** What the way out of this machine depends on. */
export interface EgressInit {
  /**
   * Where the proxies are named: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, in small letters too (which win), as curl and
   * others read them. Given by the composition root.
   */
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * The way to servers outside: through the proxies that the environment names, believing what the operating system's
 * certificate store believes besides what Node brings (a company's proxy signs with its own). Loading that store takes
 * 0.2 s, so make it once, when it is first needed. Throws `remote.proxy`.
 */
export async function egress({ env }: EgressInit): Promise<Dispatcher> {
  const { EnvHttpProxyAgent } = await import('undici')
  const named = (name: string) => env[name.toLowerCase()] ?? env[name] ?? '' // '': not what this process has
  const ca = [...new Set([...getCACertificates('default'), ...getCACertificates('system')])]
  const tls = { ca }
  try {
    return new EnvHttpProxyAgent({
      httpProxy: named('HTTP_PROXY'),
      httpsProxy: named('HTTPS_PROXY'),
      noProxy: named('NO_PROXY'),
      connect: { ...tls, timeout: limit('remoteConnectMs') },
      requestTls: tls,
      proxyTls: tls,
      headersTimeout: limit('remoteIdleMs'),
      bodyTimeout: limit('remoteIdleMs'),
    })
  } catch {
    // Without its cause: an address may hold a password.
    throw new AividaError({
      code: 'remote.proxy',
      category: 'config',
      message: 'HTTPS_PROXY or HTTP_PROXY is no address of a proxy; expected one as http://host:port',
    })
  }
}
