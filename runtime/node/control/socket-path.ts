import { type AividaError, limit, userError } from '../../base/index.ts'

/** Whether this path names a Windows pipe, which is no file. */
export function isPipe(path: string): boolean {
  return path.startsWith('\\\\.\\pipe\\')
}

/** `socket.path-too-long` when no system takes this path for a socket; else `undefined`. */
export function socketPathRefusal(path: string): AividaError | undefined {
  const bytes = Buffer.byteLength(path)
  if (isPipe(path) || bytes <= limit('socketPathCharacters')) return undefined
  return userError(
    'socket.path-too-long',
    `the socket path has ${bytes} bytes, at most ${limit('socketPathCharacters')} are allowed: ${path}`,
    { remedy: 'use a shorter data folder, or set the socket path itself: --socket-path /tmp/aivida.sock' },
  )
}
