/**
 * How nodes reach each other: the port, and the adapter in memory. The adapter over libp2p is `./libp2p/index.ts`; it
 * takes long to load and is imported where a real node is put together.
 */
export * from './memory/index.ts'
export * from './transport.ts'
