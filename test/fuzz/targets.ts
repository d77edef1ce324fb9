/** Every decoder that bytes of a stranger, a user or a damaged disk reach: the one table. */
import type { Target } from './target.ts'
import { bundleTargets } from './targets/bundles.ts'
import { dataTargets } from './targets/data.ts'
import { documentTargets } from './targets/documents.ts'
import { gossipTargets } from './targets/gossip.ts'
import { journalTargets } from './targets/journals.ts'
import { keptTargets } from './targets/kept.ts'
import { kernelTargets } from './targets/kernel.ts'
import { keyTargets } from './targets/keys.ts'
import { modelTargets } from './targets/models.ts'
import { sharingTargets } from './targets/sharing.ts'
import { updateTargets } from './targets/updates.ts'
import { wireTargets } from './targets/wire.ts'

/** See the head of this file. */
export const TARGETS: readonly Target[] = [
  ...wireTargets,
  ...documentTargets,
  ...gossipTargets,
  ...journalTargets,
  ...sharingTargets,
  ...keyTargets,
  ...dataTargets,
  ...modelTargets,
  ...updateTargets,
  ...keptTargets,
  ...bundleTargets,
  ...kernelTargets,
]
