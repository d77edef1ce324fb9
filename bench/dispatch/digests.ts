/** A digest's worth of hex that differs with each `i`; nothing is hashed. */
export function digestOf(i: number): string {
  return i.toString(16).padStart(64, '0')
}
