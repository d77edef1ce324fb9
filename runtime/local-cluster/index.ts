/** Real nodes on loopback, for `npm start`, tests, benchmarks and demonstrations. */
export * from './local-cluster.ts'
export * from './local-node.ts'
