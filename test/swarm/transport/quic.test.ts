import { suite } from 'uvu'
import { transportConformance } from '../../conformance/transport.ts'
import { libp2pFixture } from './libp2p-fixture.ts'

const test = suite('transport over QUIC')

transportConformance(test, libp2pFixture({ carriers: ['quic'] }))

test.run()
