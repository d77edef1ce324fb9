import { readPart } from '../../runtime/data/sources/parts.ts'
import type { JobHandle } from '../../runtime/node/control/job-handle.ts'
import { reportOf } from '../../runtime/node/record/report/index.ts'
import { DISPLAY, type Displayable, type MimeBundle } from '../display/mime-bundle.ts'
import { writeGiven } from './given-file.ts'

/** How a job went, as one HTML page that needs no network and no scripts. A cell that ends with it shows it. */
export class JobReport implements Displayable {
  /** The job's id. */
  readonly job: string
  readonly html: string

  constructor(job: string, html: string) {
    this.job = job
    this.html = html
  }

  /** Writes the page, and makes its folder; gives the file's path. */
  async save(file: string): Promise<string> {
    return writeGiven(file, [Buffer.from(this.html)])
  }

  /** In a frame of its own: its style is not the notebook's. */
  [DISPLAY](): MimeBundle {
    const page = this.html.replace(/[&"]/g, (character) => (character === '&' ? '&amp;' : '&quot;'))
    return {
      'text/plain': `report of ${this.job} (${this.html.length} characters); save it by report.save('report.html')`,
      'text/html': `<iframe sandbox srcdoc="${page}" style="width:100%;height:640px;border:1px solid #8884"></iframe>`,
    }
  }
}

/** The report of a job so far. */
export async function jobReport(handle: JobHandle): Promise<JobReport> {
  const [record, parts] = [await handle.record(), await handle.parts()]
  const paths = new Map(parts.map(({ index, file }) => [index, file]))
  return new JobReport(record.job, await reportOf(record, ({ index, file }) => readPart(paths.get(index) ?? file)))
}
