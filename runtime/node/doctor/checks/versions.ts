import { PROTOCOL_VERSIONS } from '../../../swarm/presence/hello.ts'
import { broken, type Check, type Finding, ok, warning } from '../check.ts'

const NODE_MAJOR = 24

/** Node, aivida, the protocol, and the native parts: the QUIC binding, the engine, the image library. */
export const versionsCheck: Check = {
  name: 'versions',
  async run({ machine, config }) {
    const { aivida, node, platform, arch } = machine.software
    const engine = machine.packageVersion('onnxruntime-node')
    const quic = machine.quicProblem()
    const findings: Finding[] = []
    if (Number(node.split('.')[0]) < NODE_MAJOR)
      findings.push(
        broken(
          `Node ${node} runs this, and aivida needs ${NODE_MAJOR} or later`,
          'install again without --omit=optional, which brings Node 24 along, or run a newer Node',
        ),
      )
    if (engine === undefined && config.role !== 'submitter')
      findings.push(
        broken(
          `onnxruntime-node, the engine, is not installed for ${platform}-${arch}`,
          'npm install in the folder of aivida; or be a submitter only: --role submitter',
        ),
      )
    if (quic !== undefined)
      findings.push(
        warning(
          `there is no QUIC binding for this machine (${quic}), so nodes are reached over TCP, several times slower`,
          'install again without --omit=optional; on musl or another platform there is none',
        ),
      )
    if (machine.packageVersion('sharp') === undefined)
      findings.push(
        warning('sharp, the image library, is not installed: folders of images cannot be read', 'npm install sharp'),
      )
    const native = [quic === undefined && 'QUIC', engine !== undefined && `onnxruntime ${engine}`].filter(Boolean)
    const software = `aivida ${aivida}, Node ${node}, ${platform}-${arch}, protocol ${PROTOCOL_VERSIONS.join(', ')}`
    return findings.length > 0 ? findings : [ok(`${software}, ${native.join(', ')}`)]
  },
}
