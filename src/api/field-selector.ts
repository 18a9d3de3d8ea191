/**
 * Field selectors: parse, print, match.
 *
 * Grammar and messages are those of Kubernetes' `apimachinery/pkg/fields`. Every kind can be selected
 * by metadata.name and metadata.namespace; the rest is the kind's `selectableFields`.
 */
import type { AnyKind } from './kind.ts'
import type { KubernetesObject } from './meta.ts'
import { badRequest } from './status-error.ts'

export interface FieldRequirement {
  field: string
  operator: '=' | '!='
  value: string
}

/** All requirements must hold; an empty list selects everything. */
export type FieldSelector = readonly FieldRequirement[]

/** Parses the query parameter `fieldSelector`; 400 BadRequest in Kubernetes' words when it cannot. */
export const parseFieldSelector = (text: string): FieldSelector =>
  splitTerms(text)
    .filter((term) => term !== '')
    .map((term) => {
      const found = /^((?:[^\\=!]|\\.|!(?!=))*)(!=|==|=)(.*)$/s.exec(term)
      if (!found) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`)
      const [, field = '', operator, value = ''] = found
      return {
        field: field.trim(),
        operator: operator === '!=' ? '!=' : '=',
        value: unescapeValue(value),
      }
    })

/** Throws 400 when `kind` does not know one of the fields. */
export const checkFieldSelector = (selector: FieldSelector, kind: AnyKind): void => {
  const { selectableFields, namespaced } = kind
  for (const { field } of selector) {
    if (field === 'metadata.name' || selectableFields?.[field]) continue
    /** Kinds with fields of their own say whether they know a namespace, all others do. */
    if (field === 'metadata.namespace' && (namespaced || !selectableFields)) continue
    throw badRequest(unknownField(field, kind))
  }
}

const unknownField = (field: string, kind: AnyKind): string => {
  if (!kind.selectableFields)
    return `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`
  const { apiVersion } = kind
  if (apiVersion === 'batch/v1' && kind.kind === 'Job')
    return `field label ${JSON.stringify(field)} not supported for Job`
  if (kind.group === 'resource.k8s.io')
    return `field label not supported for ${apiVersion}, Kind=${kind.kind}: ${field}`
  return `field label not supported: ${field}`
}

/** Throws 400, as `checkFieldSelector`, for a field that `kind` does not know. */
export const matchesFields = (
  selector: FieldSelector,
  kind: AnyKind,
  object: KubernetesObject,
): boolean => {
  for (const { field, operator, value } of selector)
    if ((readField(field, kind, object) === value) !== (operator === '=')) return false
  return true
}

/** The value a selector demands of `field` with `=`, if it does: a list by name needs no scan. */
export const requiredValue = (selector: FieldSelector, field: string): string | undefined =>
  selector.find((requirement) => requirement.field === field && requirement.operator === '=')?.value

/** Every value that the text of a selector demands of `field`; none when it cannot be parsed. */
export const requiredValues = (text: string, field: string): string[] => {
  try {
    return parseFieldSelector(text)
      .filter((each) => each.field === field && each.operator === '=')
      .map(({ value }) => value)
  } catch {
    return []
  }
}

const readField = (field: string, kind: AnyKind, object: KubernetesObject): string => {
  if (field === 'metadata.name') return object.metadata.name
  if (field === 'metadata.namespace') return object.metadata.namespace ?? ''
  const read = kind.selectableFields?.[field]
  if (!read) checkFieldSelector([{ field, operator: '=', value: '' }], kind)
  return read?.(object) ?? ''
}

/** Splits at commas that no backslash escapes. */
const splitTerms = (text: string): string[] => {
  const terms: string[] = []
  let start = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === ',') {
      terms.push(text.slice(start, at))
      start = at + 1
    }
  }
  terms.push(text.slice(start))
  return terms
}

const unescapeValue = (value: string): string => {
  const refused = /(?:^|[^\\])(?:\\\\)*\\([^\\,=]|$)/.exec(value)
  if (refused)
    throw badRequest(
      `invalid field selector: invalid escape sequence: \\${refused[1] ?? ''}: at or near: ${value}`,
    )
  return value.replace(/\\([\\,=])/g, '$1')
}
