import { createRequire } from 'node:module'
import type { ConfigSystem } from '../../runtime/base/config-options.ts'
import { display } from '../display/display.ts'
import type { ShowJob } from '../job-news.ts'
import type { Magic } from '../magics/magic.ts'
import type { Cluster } from './cluster.ts'
import { NodeLink } from './node-link.ts'
import { loadArrow, loadTf } from './packages.ts'
import type { Session } from './session.ts'
import type { SessionGlobals } from './session-globals.ts'
import { sql } from './sql.ts'

/** What a session is made from. */
export interface SessionInit {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly system: ConfigSystem
  /** Draws jobs in their cells. Default: {@link ../display/job-view/show-job.ts}. */
  readonly showJob?: ShowJob
  readonly magics?: readonly Magic[]
  readonly typesFile?: string
}

/** Opens a session: at once, since nothing is loaded and nobody asked before a cell does. */
export function openSession({ env, system, showJob = showLive, magics = [], typesFile = '' }: SessionInit): Session {
  const link = new NodeLink({ env, system })
  let cluster: Cluster | undefined
  const globals: SessionGlobals = {
    get cluster() {
      cluster ??= new (loadCluster().Cluster)({ link, env, showJob })
      return cluster
    },
    display,
    get plot() {
      return loadPlot().plot
    },
    get tf() {
      return loadTf()
    },
    get arrow() {
      return loadArrow()
    },
    sql,
    async toTensors(table, columns) {
      return (await import('./to-tensors.ts')).toTfTensors(loadTf(), table, columns)
    },
  }
  return { globals: globals as unknown as Session['globals'], typesFile, magics, close: () => link.close() }
}

/** Loaded with the first job. */
const showLive: ShowJob = (news, cell) =>
  void import('../display/job-view/show-job.ts').then(({ jobShower }) => jobShower()(news, cell))

/** With all that makes jobs, a third of a second when nothing of it is cached: loaded, at once, when a cell first names it. */
function loadCluster(): typeof import('./cluster.ts') {
  return createRequire(import.meta.url)(`./cluster.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`)
}

/** Loaded, at once, when a cell first names it. */
function loadPlot(): typeof import('../display/plot/index.ts') {
  return createRequire(import.meta.url)(`../display/plot/index.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`)
}
