import { userError } from '../base/index.ts'

const DURATION_UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of a duration that a person wrote: `90s`, `15m`, `2h`, `1d12h`. Throws `duration.malformed`. */
export function parseDuration(text: string): number {
  if (!/^(\d+[smhd])+$/.test(text))
    throw userError(
      'duration.malformed',
      `expected a duration such as 90s, 15m, 2h or 7d, found ${JSON.stringify(text)}`,
    )
  const parts = text.matchAll(/(\d+)([smhd])/g)
  return [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * DURATION_UNITS_MS[unit!]!, 0)
}

/** A duration for people, two units at most: `840 ms`, `12.5 s`, `3m 20s`, `2h 5m`, `4d 1h`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.round(durationMs)} ms`
  const seconds = durationMs / 1_000
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3_600) % 24,
    Math.floor(seconds / 60) % 60,
  ]
  if (days > 0) return `${days}d ${hours}h`
  if (hours > 0) return `${hours}h ${minutes}m`
  return `${minutes}m ${Math.floor(seconds % 60)}s`
}

/** Bytes for people: `512 B`, `1.5 MiB`. */
export function formatBytes(sizeBytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = sizeBytes
  let unit = 0
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** A count for people: `1,234,567`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Text that steers no terminal: names and messages come from other nodes. Line breaks stay. */
export function harmless(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, ' ')
}

/** Rows of text as aligned columns under their headings; a line break in a cell forges no row. */
export function formatTable(headings: readonly string[], texts: readonly (readonly string[])[]): string {
  const rows = texts.map((row) => row.map((cell) => cell.replace(/\p{Cc}/gu, ' ')))
  const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map((row) => row[column]!.length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd()
  return [headings, ...rows].map((row) => `${line(row)}\n`).join('')
}
