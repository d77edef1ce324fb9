import { Option } from 'commander'
import { isAividaError, limit, userError } from '../../base/index.ts'
import type { AdmissionMode, MemberRole } from '../../swarm/charter/index.ts'
import { type Cli, parseCount, type Session } from '../cli.ts'
import { formatDuration, formatTable, parseDuration } from '../figures.ts'
import { runsAlready, up } from './daemon.ts'
import { withDoctor } from './doctor.ts'

const ADMISSIONS = ['ticket', 'approval', 'open'] as const satisfies readonly AdmissionMode[]
const ROLES = ['member', 'worker', 'submitter'] as const satisfies readonly MemberRole[]

/** `init`, `invite`, `join`, `members`, `seeds`, `pending`, `approve`, `remove`, `leave`: who belongs to the cluster. */
export function clusterCommands(cli: Cli): void {
  enteringCommands(cli)
  memberCommands(cli)
  leavingCommands(cli)
}

/** `init`, `invite`, `join`. */
function enteringCommands(cli: Cli): void {
  cli
    .command({
      usage: 'init [name]',
      description: 'found a cluster with this node as its first member',
      async action(session, [name]) {
        const { admission } = session.options
        const { initCluster } = await import('../cluster.ts')
        const cluster = await initCluster(session.config, { ...(name !== undefined && { name }), admission })
        session.print(
          cluster,
          `founded cluster ${cluster.name} (${cluster.id.slice(0, 12)}); start its node: aivida up\n`,
        )
      },
    })
    .addOption(new Option('--admission <mode>', 'how others get in').choices(ADMISSIONS).default('ticket'))
  cli
    .command({
      usage: 'invite',
      description: 'make a ticket that others join with; it is a secret',
      async action(session) {
        const { uses, expires, role } = session.options
        const request = { uses, expiresMs: parseDuration(expires), role }
        const { MAX_EXPIRES_MS, MAX_USES } = await import('../../node/service.ts')
        assertFits('--uses', String(uses), uses, 1, MAX_USES, `a whole number from 1 to ${MAX_USES}`)
        assertFits('--expires', expires, request.expiresMs, 1_000, MAX_EXPIRES_MS, 'a duration from 1s to 365d')
        const invite = await (await session.client()).invite(request, session.request)
        session.print(invite, `${invite.ticket}\n`)
        const span = formatDuration(invite.expiresWallMs - session.io.clock.wallMs())
        const skew = formatDuration(limit('clockSkewMs'))
        session.note(
          `good for ${invite.uses} node(s) and ${span} (${skew} longer, for clocks that differ), as ${invite.role}; there: npx aivida join TICKET`,
        )
      },
    })
    .option('--uses <count>', 'how many nodes may join with it', parseCount, 1)
    .option('--expires <duration>', 'how long it is good for: 90s, 15m, 2h, 7d', '24h')
    .addOption(new Option('--role <role>', 'what they become').choices(ROLES).default('member'))
  cli
    .command({
      usage: 'join <ticket>',
      description: 'join a cluster by its ticket, and start the node',
      config: 'node',
      action: (session, [ticket]) => withDoctor(session, () => join(session, ticket!), ticket),
    })
    .option('--no-up', 'join, but do not start the node')
}

/** `members`, `seeds`, `pending`, `approve`. */
function memberCommands(cli: Cli): void {
  cli.command({
    usage: 'members',
    description: 'list the members of the cluster',
    async action(session) {
      const members = await (await session.client()).members(session.request)
      session.print(members, () =>
        formatTable(
          ['NAME', 'ROLE', 'PRESENT', 'ACCOUNT', 'PEER'],
          members.map(({ name, role, present, account, peer }) => [
            name,
            role,
            present ? 'yes' : 'no',
            account ?? '-',
            peer,
          ]),
        ),
      )
    },
  })
  cli.command({
    usage: 'seeds [address...]',
    description: 'show where this node looks for the cluster; with addresses: name them for all members (admin)',
    async action(session, addresses) {
      const client = await session.client()
      if (addresses.length > 0) await client.setSeeds(addresses, session.request)
      const { seeds } = (await client.info(session.request)).network
      session.print(seeds, () =>
        formatTable(
          ['FROM', 'LAST TRY', 'ADDRESS'],
          seeds.map(({ source, address, lastError, reachedWallMs }) => [
            source,
            lastError ? lastError.code : reachedWallMs === undefined ? '-' : 'reached',
            address,
          ]),
        ),
      )
    },
  })
  cli.command({
    usage: 'pending',
    description: 'list nodes that wait for approval',
    async action(session) {
      const pending = await (await session.client()).pending(session.request)
      const now = session.io.clock.wallMs()
      session.print(pending, () =>
        formatTable(
          ['NAME', 'WAITS', 'PEER'],
          pending.map(({ name, askedWallMs, peer }) => [name, formatDuration(now - askedWallMs), peer]),
        ),
      )
    },
  })
  cli.command({
    usage: 'approve <peer>',
    description: 'admit a node that waits',
    async action(session, [peer]) {
      await (await session.client()).approve(await peerOf(peer!), session.request)
      session.print({ approved: peer }, `${peer} is a member now\n`)
    },
  })
}

/** `remove`, `leave`. */
function leavingCommands(cli: Cli): void {
  cli
    .command({
      usage: 'remove <peer>',
      description: 'put a member out of the cluster',
      async action(session, [peer]) {
        await (await session.client()).remove(await peerOf(peer!), session.options.reason, session.request)
        session.print({ removed: peer }, `${peer} is no longer a member\n`)
      },
    })
    .option('--reason <text>', 'kept in the charter')
  cli.command({
    usage: 'leave',
    description: 'leave the cluster; the node stops',
    async action(session) {
      try {
        await (await session.client()).leave(session.request)
      } catch (error) {
        if (!isAividaError(error, 'node.not-running')) throw error
        const { leaveCluster } = await import('../cluster.ts')
        await leaveCluster(session.config)
      }
      session.print({ left: true }, 'this node has left the cluster\n')
    },
  })
}

async function join(session: Session, ticket: string): Promise<void> {
  const [{ findNode }, { openTicket }] = await Promise.all([
    import('../daemon.ts'),
    import('../../swarm/charter/index.ts'),
  ])
  const running = await findNode(await session.client(), session)
  if (running && running.cluster.id === openTicket(ticket).cluster)
    return runsAlready(session, running, { ticket: true })
  const { joinCluster } = await import('../cluster.ts')
  const cluster = await joinCluster(session.config, ticket, (peer, addresses) => {
    const places = addresses.map((address) => address.replace(/\/p2p\/.*/, ''))
    session.note(`calling ${peer} at ${places.join(', ')} ...`)
  })
  if (session.options.up) return up(session)
  session.print(cluster, `joined ${cluster.name}; start the node: aivida up\n`)
}

/** A peer id as it was typed. Throws `usage.peer`. */
async function peerOf(text: string): Promise<string> {
  const { peerIdSchema } = await import('../../protocol/names.ts')
  if (peerIdSchema.safeParse(text).success) return text
  throw userError('usage.peer', `expected a peer id (12D3Koo...), found ${JSON.stringify(text)}`, {
    remedy: 'aivida members and aivida pending list them',
  })
}

function assertFits(flag: string, typed: string, value: number, min: number, max: number, expected: string): void {
  if (value < min || value > max) throw userError('usage.out-of-range', `${flag}: expected ${expected}, found ${typed}`)
}
