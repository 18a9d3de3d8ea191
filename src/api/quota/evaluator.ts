/**
 * What objects of a kind use of a quota, and which writes change that.
 *
 * After Kubernetes' `apiserver/pkg/quota/v1` (`Evaluator`, `generic.NewObjectCountEvaluator`). Most kinds are only
 * counted; pods, services and claims are measured by evaluators of their own (`evaluators.ts`). Pure.
 */
import type { V1ScopedResourceSelectorRequirement } from '@kubernetes/client-node'
import type { AnyKind, Kind } from '../kind.ts'
import type { KubernetesObject } from '../meta.ts'
import { labelSelectorOf, matchesLabels } from '../selector.ts'
import { type Amounts, amountOf } from './amounts.ts'

export type Requirement = V1ScopedResourceSelectorRequirement

/** What an evaluator may read of the cluster besides the object. */
export interface Objects {
  get<T extends KubernetesObject>(
    kind: Kind<T>,
    namespace: string | undefined,
    name: string,
  ): T | undefined
  list<T extends KubernetesObject>(
    kind: Kind<T>,
    query?: { namespace?: string; owner?: string },
  ): T[]
}

export interface UsageContext {
  objects: Objects
  /** Milliseconds since the epoch. */
  now: number
}

/** A write that is to be judged. */
export interface QuotaWrite {
  kind: AnyKind
  operation: 'CREATE' | 'UPDATE'
  subresource: string | undefined
  object: KubernetesObject
  old: KubernetesObject | undefined
}

export interface Evaluator {
  /** Whether a write may change what is used, as far as can be told without the objects. */
  mayHandle(operation: string, subresource: string | undefined): boolean
  /** Whether this one does; default: what `mayHandle` says. */
  handles?(write: QuotaWrite): boolean
  /** Those of `names`, the resources of a quota, that it measures. */
  matching(names: readonly string[], objects: Objects): string[]
  usage(object: KubernetesObject, context: UsageContext): Amounts
  /** Default: no scope matches. */
  isInScope?(requirement: Requirement, object: KubernetesObject): boolean
  /** Why the object may not leave out what `required` bounds. */
  fault?(required: readonly string[], object: KubernetesObject): string | undefined
  /** When usage changes by itself, in milliseconds since the epoch. */
  changesAt?(object: KubernetesObject): number | undefined
}

/** `count/deployments.apps`, `count/pods`. */
export const countName = ({ group, plural }: { group: string; plural: string }): string =>
  group ? `count/${plural}.${group}` : `count/${plural}`

/** Kinds that had a quota of their own before there were counts for all. */
const ALIASES = new Set(['configmaps', 'resourcequotas', 'replicationcontrollers', 'secrets'])

export const countEvaluator = (kind: { group: string; plural: string }): Evaluator => {
  const names = [countName(kind)]
  if (kind.group === '' && ALIASES.has(kind.plural)) names.push(kind.plural)
  const one = Object.fromEntries(names.map((name) => [name, amountOf(1)]))
  return {
    mayHandle: (operation, subresource) => operation === 'CREATE' && subresource === undefined,
    matching: (asked) => asked.filter((name) => names.includes(name)),
    usage: () => one,
  }
}

/** Whether a scope with values has one of `values`; without any, only what is negated holds. */
export const hasScopeValue = (
  { scopeName, operator, values = [] }: Requirement,
  present: readonly string[],
): boolean => {
  const selector = labelSelectorOf({ matchExpressions: [{ key: scopeName, operator, values }] })
  if (present.length === 0) return matchesLabels(selector, {})
  return present.some((value) => matchesLabels(selector, { [scopeName]: value }))
}
