import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'

/** Three machines and what ties them, an A: readable at 32 pixels, on light and on dark. */
const SVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" width="64" height="64" role="img" aria-label="Aivida">
  <rect width="64" height="64" rx="14" fill="#4f46e5"/>
  <g fill="none" stroke="#c7d2fe" stroke-width="5" stroke-linecap="round">
    <path d="M32 14 L15 49 M32 14 L49 49 M23 36 H41"/>
  </g>
  <g fill="#fff">
    <circle cx="32" cy="14" r="7"/>
    <circle cx="15" cy="49" r="7"/>
    <circle cx="49" cy="49" r="7"/>
  </g>
</svg>
`
/** Sizes that Jupyter asks for, by the name of the file (https://jupyter-client.readthedocs.io/en/stable/kernels.html). Pixels. */
const SIZES = [32, 64] as const

/** Writes the kernel's logo into its folder, in each form that a front end looks for. */
export async function writeLogos(folder: string): Promise<void> {
  await writeFile(join(folder, 'logo-svg.svg'), SVG)
  for (const size of SIZES) {
    const drawn = sharp(Buffer.from(SVG), { density: 288 }).resize(size, size).png({ compressionLevel: 9 })
    await writeFile(join(folder, `logo-${size}x${size}.png`), await drawn.toBuffer())
  }
}
