import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { FollowedPlaces } from '../../job/following/index.ts'
import { fileLogStore, systemDisk } from '../../log/index.ts'
import type { DataFolder } from '../data-folder.ts'

/** Copies of journals in a node's data folder, laid out as its own are, so that one becomes the other by its place. */
export function followedFolder({ followed, jobs }: Pick<DataFolder, 'followed' | 'jobs'>): FollowedPlaces {
  return {
    home: (job) => fileLogStore({ dir: join(followed, job, 'journal') }),
    list: async () => (await readdir(followed).catch(() => [])).filter((name) => name.startsWith('job-')).sort(),
    remove: (job) => rm(join(followed, job), { recursive: true, force: true }),
    async promote(job) {
      // What was here of the job before it was adopted away is a part of what it comes back with.
      await rm(join(jobs, job), { recursive: true, force: true })
      await rename(join(followed, job), join(jobs, job))
      await systemDisk.syncDir(jobs)
      await systemDisk.syncDir(followed)
    },
  }
}
