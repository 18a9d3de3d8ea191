/**
 * What a webhook, a policy or a binding is about, and whether a request is that.
 *
 * After Kubernetes' `apiserver/pkg/admission/plugin/policy/matching`. What depends on the kind, the operation and the
 * subresource only is found once (`matchResource`); names and labels are looked at for each request.
 */

import {
  type RequestedResource,
  type Rule,
  ruleMatches,
} from '../../../../api/admissionregistration/resource-match.ts'
import { Namespace } from '../../../../api/core/namespace.ts'
import { type AnyKind, storedKind } from '../../../../api/kind.ts'
import type { KindRegistry } from '../../../../api/registry.ts'
import { type LabelSelector, type Labels, matchesLabels } from '../../../../api/selector.ts'
import { notFound, type StatusError } from '../../../../api/status-error.ts'
import type { AdmissionAttributes, Operation } from '../plugin.ts'

export interface Criteria {
  /** `'any'`: whatever the resource. */
  rules: readonly Rule[] | 'any'
  excluded: readonly Rule[]
  /** Whether other versions of a resource count as what the rules name. */
  isEquivalent: boolean
  namespaces: LabelSelector
  objects: LabelSelector
}

type Names = ReadonlySet<string> | undefined

/** What the criteria say of a kind, an operation and a subresource. */
export interface ResourceMatch {
  /** The first whose names fit decides: it is that form of the object that is looked at. */
  alternatives: readonly { form: AnyKind; names: Names }[]
  /** Objects that are left out; undefined: all of them. */
  excluded: readonly Names[]
}

/** Undefined: the criteria are about something else. */
export const matchResource = (
  { rules, excluded, isEquivalent }: Criteria,
  kinds: KindRegistry,
  kind: AnyKind,
  operation: Operation,
  subresource: string | undefined,
): ResourceMatch | undefined => {
  const own = { form: kind, requested: requestedOf(kind, operation, subresource) }
  const others = isEquivalent
    ? equivalentsOf(kinds, kind, subresource).map((form) => ({
        form,
        requested: requestedOf(form, operation, subresource),
      }))
    : []
  const matching = (candidates: readonly Rule[]) => [
    ...found(candidates, [own]),
    ...found(candidates, others),
  ]
  const alternatives = rules === 'any' ? [{ form: kind, names: undefined }] : matching(rules)
  const left = matching(excluded).map(({ names }) => names)
  if (alternatives.length === 0 || left.includes(undefined)) return undefined
  return { alternatives, excluded: left }
}

const found = (
  rules: readonly Rule[],
  targets: readonly { form: AnyKind; requested: RequestedResource }[],
): ResourceMatch['alternatives'] =>
  rules.flatMap((rule) =>
    targets
      .filter(({ requested }) => ruleMatches(rule, requested))
      .map(({ form }) => ({
        form,
        names: rule.resourceNames?.length ? new Set(rule.resourceNames) : undefined,
      })),
  )

const requestedOf = (
  kind: AnyKind,
  operation: Operation,
  subresource: string | undefined,
): RequestedResource => ({
  operation,
  group: kind.group,
  version: kind.version,
  resource: kind.plural,
  subresource: subresource ?? '',
  isNamespaced: kind.namespaced,
})

/** The other forms in which the same objects are served. */
const equivalentsOf = (
  kinds: KindRegistry,
  kind: AnyKind,
  subresource: string | undefined,
): AnyKind[] => {
  if (kind.isVirtual) return []
  const stored = storedKind(kind)
  return kinds.served.filter(
    (other) =>
      other !== kind &&
      !other.isVirtual &&
      storedKind(other) === stored &&
      (subresource !== 'status' || other.statusSubresource) &&
      (subresource !== 'scale' || other.scale !== undefined),
  )
}

/** The form in which the object is to be looked at; undefined: it is not meant. */
export const formFor = (
  { alternatives, excluded }: ResourceMatch,
  name: string,
): AnyKind | undefined => {
  for (const names of excluded) if (!names || names.has(name)) return undefined
  for (const { form, names } of alternatives) if (!names || names.has(name)) return form
  return undefined
}

/** Whether labels are as the selectors want; an error when a namespace is not there. */
export const matchesSelectors = (
  { namespaces, objects }: Criteria,
  attributes: AdmissionAttributes,
): boolean | StatusError => {
  const inNamespace = matchesNamespace(namespaces, attributes)
  if (inNamespace === false) return false
  if (objects.length === 0) return inNamespace
  const { object, old } = attributes
  const isSelected =
    (object !== undefined && isSelectedBy(objects, object)) ||
    (old !== undefined && isSelectedBy(objects, old))
  return isSelected ? inNamespace : false
}

/** The options of a connection have no metadata. */
const isSelectedBy = (
  selector: LabelSelector,
  { metadata }: { metadata?: { labels?: Labels } },
): boolean => metadata !== undefined && matchesLabels(selector, metadata.labels)

const matchesNamespace = (
  selector: LabelSelector,
  attributes: AdmissionAttributes,
): boolean | StatusError => {
  const { kind, operation, subresource, object } = attributes
  if (selector.length === 0) return true
  const name = namespaceOf(attributes)
  if (!name && kind !== Namespace) return true
  if (kind === Namespace && subresource === undefined && operation !== 'DELETE')
    return matchesLabels(selector, object?.metadata.labels)
  const found = attributes.services.storage.cache.get(Namespace, undefined, name)
  return found ? matchesLabels(selector, found.metadata.labels) : notFound(Namespace, name)
}

/** As rules see it: a namespace is in itself. */
export const namespaceOf = ({ kind, name, namespace, object }: AdmissionAttributes): string =>
  kind === Namespace ? name || object?.metadata.name || '' : (namespace ?? '')
