/** Characters of Unicode, in which front ends count, as UTF-16 units, in which JavaScript does. */
export function unitsOf(code: string, characters: number): number {
  return Array.from(code).slice(0, characters).join('').length
}

/** UTF-16 units as characters of Unicode. */
export function charactersOf(code: string, units: number): number {
  return Array.from(code.slice(0, units)).length
}
