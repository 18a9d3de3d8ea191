/**
 * What a write changed, in the words of each version in which managers set fields.
 *
 * Most objects are managed in one version, and are compared once. A version that says how it shows an object is
 * compared in its own form; one that does not (nobody serves it, or a webhook would have to be asked) counts as
 * having the same fields.
 */
import type { Json, KubernetesObject } from '../meta.ts'
import { type Comparison, compareObjects } from './comparison.ts'
import type { StructShape } from './field-shape.ts'

export interface OtherVersion {
  shape: StructShape
  /** Undefined: not without asking somebody. */
  show(object: KubernetesObject): KubernetesObject | undefined
}

/** The other versions of a kind, by apiVersion. */
export type OtherVersions = (apiVersion: string) => OtherVersion | undefined

type Tree = { [key: string]: Json }

export interface Change {
  shape: StructShape
  apiVersion: string
  before: Tree
  after: Tree
  skip(field: string, isMetadata: boolean): boolean
  others: OtherVersions | undefined
}

/** The comparison for entries of an apiVersion. */
export const comparisonsOf = (change: Change): ((apiVersion: string) => Comparison) => {
  const { shape, apiVersion: own, before, after, skip, others } = change
  const comparison = compareObjects(shape, before, after, skip)
  let known: Map<string, Comparison> | undefined
  return (apiVersion) => {
    if (apiVersion === own || !others) return comparison
    known ??= new Map()
    let found = known.get(apiVersion)
    if (!found) {
      const other = others(apiVersion)
      found = (other && compareIn(other, change)) ?? comparison
      known.set(apiVersion, found)
    }
    return found
  }
}

const compareIn = (
  { shape, show }: OtherVersion,
  { before, after, skip }: Change,
): Comparison | undefined => {
  const shown = [before, after].map((object) => show(object as unknown as KubernetesObject))
  const [one, other] = shown as unknown as (Tree | undefined)[]
  return one && other && compareObjects(shape, one, other, skip)
}
