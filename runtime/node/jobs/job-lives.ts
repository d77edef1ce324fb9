import { statusOfRecord } from '../../job/coordinator/index.ts'
import { systemDisk } from '../../log/index.ts'
import type { JobStatus } from '../../protocol/index.ts'
import type { LocalServiceInit } from '../local-service-init.ts'
import { journalledJobs, notResumed } from '../submission/submission.ts'

/** What jobs are taken up from, and kept in when they have ended. */
export type JobLives = Pick<
  LocalServiceInit,
  'folder' | 'archive' | 'coordinator' | 'blobs' | 'logger' | 'journals' | 'following' | 'disk'
>

/** Takes up the jobs that an earlier run left unfinished, and what is known of those that ended. */
export async function resumeJobs(init: JobLives): Promise<void> {
  const { folder, archive, coordinator, blobs, logger, journals, following, disk = systemDisk } = init
  for (const job of await journalledJobs(folder.jobs, disk)) {
    try {
      if (await archive.load(job)) continue
      const journal = await journals.open(job)
      const record = await journal.load()
      if (record && !record.ended) {
        coordinator.resume(record, journal)
        if (record.adoption) following.adopter.resumed(record.adoption)
        logger.info({ job, parts: record.parts.length }, 'a job goes on from its journal')
        continue
      }
      await journal.close()
      if (record) await archive.keep(statusOfRecord(record, journal.epoch), record.parts)
      await blobs.unpin(job)
    } catch (error) {
      logger.error({ job, error: notResumed(job, error) }, 'a job could not be taken up again')
    }
  }
}

/** A job has ended: keeps how, and lets its model go. */
export async function keepEnded({ archive, coordinator, blobs, logger }: JobLives, status: JobStatus): Promise<void> {
  try {
    await archive.keep(status, coordinator.parts(status.job) ?? [])
  } catch (error) {
    logger.error({ job: status.job, error: String(error) }, 'the end of a job could not be kept')
  } finally {
    await blobs.unpin(status.job).catch((error) => logger.error({ error: String(error) }, 'a model stayed pinned'))
  }
}
