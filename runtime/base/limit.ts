/** One bound: its value, its unit, and why it is what it is. */
export interface Limit {
  readonly value: number
  readonly unit: 'bytes' | 'ms' | 'count' | 'characters' | 'rows'
  readonly reason: string
}
