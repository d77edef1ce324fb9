/**
 * Insertions, deletions and substitutions that turn what was read into what was written, as a share of the characters
 * written: 0 is perfect. Over several lines the errors are summed before they are divided.
 */
export function characterErrorRate(references: readonly string[], hypotheses: readonly string[]): number {
  let [errors, characters] = [0, 0]
  for (const [i, reference] of references.entries()) {
    errors += editDistance([...reference], [...(hypotheses[i] ?? '')])
    characters += [...reference].length
  }
  return characters === 0 ? 0 : errors / characters
}

/** Levenshtein distance, one row of the table at a time (Wagner and Fischer 1974). */
function editDistance(a: readonly string[], b: readonly string[]): number {
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (const [i, character] of a.entries()) {
    const row = [i + 1]
    for (const [j, other] of b.entries())
      row.push(Math.min(above[j + 1]! + 1, row[j]! + 1, above[j]! + (character === other ? 0 : 1)))
    above = row
  }
  return above[b.length]!
}
