/**
 * Selectors of pods and nodes, compiled once into predicates.
 *
 * Invariant: a predicate is pure and total: a malformed requirement matches nothing, as in Kubernetes'
 * scheduler. It does not validate or print selectors.
 */
import type {
  V1LabelSelector,
  V1NodeSelector,
  V1NodeSelectorRequirement,
  V1NodeSelectorTerm,
} from '@kubernetes/client-node'
import type { Pod } from '../../api/core/pod.ts'
import type { Wire } from '../../api/meta.ts'

export type Labels = { readonly [key: string]: string }
export type MatchLabels = (labels: Labels) => boolean
/** The part of a node that selectors can see. */
export interface SelectableNode {
  name: string
  labels: Labels
}
export type MatchNode = (node: SelectableNode) => boolean

const nothing: MatchLabels = () => false
const everything: MatchLabels = () => true

interface Requirement {
  key: string
  operator: string
  values?: readonly string[]
}

const compileRequirement = ({ key, operator, values = [] }: Requirement): MatchLabels => {
  const wanted = new Set(values)
  const limit = Number.parseInt(values[0] ?? '', 10)
  switch (operator) {
    case 'In':
      return (labels) => labels[key] !== undefined && wanted.has(labels[key])
    case 'NotIn':
      return (labels) => labels[key] === undefined || !wanted.has(labels[key])
    case 'Exists':
      return (labels) => labels[key] !== undefined
    case 'DoesNotExist':
      return (labels) => labels[key] === undefined
    case 'Gt':
      return (labels) => Number.parseInt(labels[key] ?? '', 10) > limit
    case 'Lt':
      return (labels) => Number.parseInt(labels[key] ?? '', 10) < limit
    default:
      return nothing
  }
}

const allOf = (parts: readonly MatchLabels[]): MatchLabels => {
  if (parts.length === 0) return everything
  const only = parts[0]
  if (parts.length === 1 && only) return only
  return (labels) => parts.every((part) => part(labels))
}

/** A selector given as a map: every label must be equal. */
export const compileLabelMap = (map: Labels): MatchLabels => {
  const pairs = Object.entries(map)
  return (labels) => {
    for (const [key, value] of pairs) if (labels[key] !== value) return false
    return true
  }
}

/** `metav1.LabelSelector`: absent selects nothing, empty selects everything. */
export const compileLabelSelector = (selector: Wire<V1LabelSelector> | undefined): MatchLabels => {
  if (!selector) return nothing
  const parts: MatchLabels[] = (selector.matchExpressions ?? []).map(compileRequirement)
  if (Object.keys(selector.matchLabels ?? {}).length > 0)
    parts.unshift(compileLabelMap(selector.matchLabels ?? {}))
  return allOf(parts)
}

const matchFields = (requirement: Wire<V1NodeSelectorRequirement>): MatchNode => {
  const match = compileRequirement({ ...requirement, key: 'name' })
  if (requirement.key !== 'metadata.name') return () => false
  return (node) => match({ name: node.name })
}

/** A term without requirements matches no node. */
export const compileNodeTerm = (term: Wire<V1NodeSelectorTerm>): MatchNode => {
  const expressions = term.matchExpressions ?? []
  const fields = (term.matchFields ?? []).map(matchFields)
  if (expressions.length === 0 && fields.length === 0) return () => false
  const labels = allOf(expressions.map(compileRequirement))
  return (node) => labels(node.labels) && fields.every((match) => match(node))
}

const compileNodeSelector = (selector: Wire<V1NodeSelector>): MatchNode => {
  const terms = selector.nodeSelectorTerms.map(compileNodeTerm)
  return (node) => terms.some((term) => term(node))
}

/** `spec.nodeSelector` and required node affinity together; undefined when the pod has neither. */
export const compileRequiredNodes = (spec: Pod['spec']): MatchNode | undefined => {
  const byLabels = Object.keys(spec?.nodeSelector ?? {}).length
    ? compileLabelMap(spec?.nodeSelector ?? {})
    : undefined
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  const byAffinity = required ? compileNodeSelector(required) : undefined
  if (!byLabels && !byAffinity) return undefined
  return (node) => (byLabels?.(node.labels) ?? true) && (byAffinity?.(node) ?? true)
}

/** The nodes a required affinity names by `metadata.name` in every term; undefined when some term does not. */
export const namedNodes = (spec: Pod['spec']): Set<string> | undefined => {
  const terms =
    spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  if (!terms?.length) return undefined
  const names = new Set<string>()
  for (const term of terms) {
    const field = term.matchFields?.find(({ key, operator }) => {
      return key === 'metadata.name' && operator === 'In'
    })
    if (!field) return undefined
    for (const name of field.values ?? []) names.add(name)
  }
  return names
}

interface Taint {
  key: string
  value?: string
  effect: string
}
interface Toleration {
  key?: string
  operator?: string
  value?: string
  effect?: string
}

/** Kubernetes' `Toleration.ToleratesTaint`. */
export const tolerates = (toleration: Toleration, taint: Taint): boolean => {
  if (toleration.effect && toleration.effect !== taint.effect) return false
  if (toleration.key && toleration.key !== taint.key) return false
  switch (toleration.operator ?? 'Equal') {
    case 'Exists':
      return true
    case 'Equal':
    case '':
      return (toleration.value ?? '') === (taint.value ?? '')
    case 'Lt':
      return Number(taint.value) < Number(toleration.value)
    case 'Gt':
      return Number(taint.value) > Number(toleration.value)
    default:
      return false
  }
}

export const isTolerated = (taint: Taint, tolerations: readonly Toleration[]): boolean =>
  tolerations.some((toleration) => tolerates(toleration, taint))
