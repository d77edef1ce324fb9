import { suite } from 'uvu'
import { transportConformance } from '../../conformance/transport.ts'
import { libp2pFixture } from './libp2p-fixture.ts'

// The binding that @chainsafe/libp2p-quic itself brings, which is used where our own dependency has none.
const test = suite('transport over QUIC, older binding')

transportConformance(test, libp2pFixture({ carriers: ['quic'], quicBinding: ['wrapper'] }))

test.run()
