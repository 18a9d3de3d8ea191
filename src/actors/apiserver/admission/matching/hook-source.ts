/**
 * `HookSource`: the webhooks or policies that are in force, by what they are about.
 *
 * It is made anew when one of the objects behind it, or the kinds that are served, have changed, and then only when
 * it is next asked. Invariant: a request that nothing is about costs two looks into maps; without any configuration,
 * one comparison. It looks at no object.
 */
import type { AnyKind } from '../../../../api/kind.ts'
import type { Cache } from '../../../../client/view.ts'
import type { Operation } from '../plugin.ts'
import { type Criteria, matchResource, type ResourceMatch } from './criteria.ts'

export interface Hook {
  criteria: Criteria
}

/** A hook that is about the kind, the operation and the subresource of a request. */
export interface Candidate<H extends Hook> {
  hook: H
  match: ResourceMatch
  /** Its place among all hooks. */
  index: number
}

const NONE: readonly never[] = []

export class HookSource<H extends Hook> {
  private hooks: readonly H[] | undefined
  private byKind = new WeakMap<AnyKind, Map<string, readonly Candidate<H>[]>>()
  private generation = 0

  constructor(
    private readonly cache: Cache,
    /** The hooks in their order. */
    private readonly read: (cache: Cache) => readonly H[],
  ) {}

  /** Something that `read` looks at has changed. */
  reset(): void {
    this.hooks = undefined
  }

  candidates(
    kind: AnyKind,
    operation: Operation,
    subresource: string | undefined,
  ): readonly Candidate<H>[] {
    const { generation } = this.cache.kinds
    if (!this.hooks || this.generation !== generation) {
      this.hooks = this.read(this.cache)
      this.byKind = new WeakMap()
      this.generation = generation
    }
    if (this.hooks.length === 0) return NONE
    let known = this.byKind.get(kind)
    if (!known) {
      known = new Map()
      this.byKind.set(kind, known)
    }
    const key = subresource === undefined ? operation : `${operation}/${subresource}`
    let found = known.get(key)
    if (!found) {
      found = this.find(this.hooks, kind, operation, subresource)
      known.set(key, found)
    }
    return found
  }

  private find(
    hooks: readonly H[],
    kind: AnyKind,
    operation: Operation,
    subresource: string | undefined,
  ): readonly Candidate<H>[] {
    const { kinds } = this.cache
    return hooks.flatMap((hook, index) => {
      const match = matchResource(hook.criteria, kinds, kind, operation, subresource)
      return match ? [{ hook, match, index }] : []
    })
  }
}
