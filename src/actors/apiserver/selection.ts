/**
 * What a list or a watch asks for: a namespace, labels and fields.
 *
 * Invariant: a selection is parsed once a request; it never decides by anything but the object itself.
 * It finds no objects: see `read.ts` and `watch-hub.ts`.
 */
import {
  checkFieldSelector,
  type FieldSelector,
  matchesFields,
  parseFieldSelector,
  requiredValue,
} from '../../api/field-selector.ts'
import type { AnyKind } from '../../api/kind.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import {
  EVERYTHING,
  type LabelSelector,
  matchesLabels,
  parseLabelSelector,
} from '../../api/selector.ts'
import { readyForm } from './stored-form.ts'

export interface Selection {
  kind: AnyKind
  /** Undefined: all namespaces. */
  namespace: string | undefined
  labels: LabelSelector
  fields: FieldSelector
  /** The value of a `metadata.name=` requirement. */
  name: string | undefined
  /** The value of a `spec.nodeName=` requirement, for which the cache has an index. */
  node: string | undefined
}

const NO_FIELDS: FieldSelector = []

/** Throws 400 for selectors that make no sense. */
export const parseSelection = (
  kind: AnyKind,
  namespace: string | undefined,
  query: URLSearchParams,
): Selection => {
  const labelText = query.get('labelSelector')
  const fieldText = query.get('fieldSelector')
  const labels = labelText ? parseLabelSelector(labelText) : EVERYTHING
  const fields = fieldText ? parseFieldSelector(fieldText) : NO_FIELDS
  if (fields.length > 0) checkFieldSelector(fields, kind)
  const within = requiredValue(fields, 'metadata.namespace')
  const node = kind.plural === 'pods' ? requiredValue(fields, 'spec.nodeName') : undefined
  return {
    kind,
    namespace: namespace ?? (kind.namespaced ? within : undefined),
    labels,
    fields,
    name: requiredValue(fields, 'metadata.name'),
    node: node === '' ? undefined : node,
  }
}

/** Who lists one object by its name needs no right to list all. */
export const selectedName = (query: URLSearchParams): string | undefined => {
  const text = query.get('fieldSelector')
  if (!text?.includes('metadata.name')) return undefined
  try {
    return requiredValue(parseFieldSelector(text), 'metadata.name')
  } catch {
    return undefined
  }
}

/** Whether every object of the kind and namespace is selected. */
export const isEverything = ({ labels, fields }: Selection): boolean =>
  labels.length === 0 && fields.length === 0

/** Whether labels and fields select the object, in the kind's own form; its kind and namespace were looked at by the caller. */
export const selects = ({ kind, labels, fields }: Selection, object: KubernetesObject): boolean =>
  (labels.length === 0 || matchesLabels(labels, object.metadata.labels)) &&
  (fields.length === 0 || matchesFields(fields, kind, object))

/** `selects` of an object as it is stored. */
export const selectsStored = (selection: Selection, object: KubernetesObject): boolean =>
  selects(selection, selection.fields.length > 0 ? readyForm(selection.kind, object) : object)
