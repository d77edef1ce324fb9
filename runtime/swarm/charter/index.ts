/**
 * What a cluster is: a charter that its admins sign, and the members it lets in. Documents and rules are pure -
 * {@link charterState}, {@link assertStanding}, {@link admit}; {@link Cluster} and {@link Door} are the thin shells that
 * sign, count and keep.
 */
export * from './admission.ts'
export * from './charter.ts'
export * from './charter-document.ts'
export * from './charter-state.ts'
export * from './cluster.ts'
export * from './cluster-store.ts'
export * from './door.ts'
export * from './membership.ts'
export * from './roster.ts'
export * from './ticket.ts'
export * from './ticket-ledger.ts'
export * from './welcome.ts'
