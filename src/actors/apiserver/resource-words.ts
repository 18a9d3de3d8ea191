/**
 * The words people use for a kind: plural, singular and short names, with or without the group.
 *
 * Invariant: a word without a group that two kinds share means the one that is first in the list of kinds.
 */
import type { AnyKind } from '../../api/kind.ts'
import { kinds } from '../../api/kinds.ts'

const words = new Map<string, AnyKind>()

for (const kind of kinds)
  for (const word of [kind.plural, kind.singular, ...(kind.shortNames ?? [])])
    for (const form of kind.group
      ? [word, `${word}.${kind.group}`, `${word}.${kind.version}.${kind.group}`]
      : [word, `${word}.${kind.version}`])
      if (!words.has(form)) words.set(form, kind)

/** `pods`, `po`, `deployments.apps`, `deploy.v1.apps` … in any case; undefined for any other word. */
export const kindOfWord = (word: string): AnyKind | undefined => words.get(word.toLowerCase())
