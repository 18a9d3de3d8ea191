/**
 * Attributes as the spec of a SubjectAccessReview, and back: how decisions are asked of and for others.
 *
 * After Kubernetes 1.36 (`authorizer/webhook`, `registry/authorization/util`). Selectors only narrow, so what cannot
 * be said of one is left out. Pure.
 */
import type {
  V1FieldSelectorAttributes,
  V1LabelSelectorAttributes,
  V1SubjectAccessReviewSpec,
} from '@kubernetes/client-node'
import { parseFieldSelector } from '../../../api/field-selector.ts'
import type { Wire } from '../../../api/meta.ts'
import { parseLabelSelector } from '../../../api/selector.ts'
import type { User } from '../request.ts'
import type { Attributes } from './attributes.ts'

export type ReviewSpec = Wire<V1SubjectAccessReviewSpec>
type Selector = Wire<V1FieldSelectorAttributes> | Wire<V1LabelSelectorAttributes>

/** Empty fields are left out, as Go's encoding does. */
export const specOf = (attributes: Attributes): ReviewSpec => {
  const { user, verb, resource, path } = attributes
  return {
    ...(resource === undefined
      ? { nonResourceAttributes: filled({ path, verb }) }
      : { resourceAttributes: resourceAttributesOf(attributes) }),
    ...(user.name ? { user: user.name } : {}),
    ...(user.groups.length > 0 ? { groups: [...user.groups] } : {}),
    ...(user.extra ? { extra: mutable(user.extra) } : {}),
    ...(user.uid ? { uid: user.uid } : {}),
  }
}

const mutable = (extra: NonNullable<User['extra']>): Record<string, string[]> =>
  Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]))

const filled = <T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value)) as {
    [K in keyof T]?: NonNullable<T[K]>
  }

const resourceAttributesOf = (attributes: Attributes) => {
  const { namespace, verb, group, version, resource, subresource, name } = attributes
  const fields = attempt(() => fieldRequirements(attributes.fieldSelector))
  const labels = attempt(() => labelRequirements(attributes.labelSelector))
  return {
    ...filled({ namespace, verb, group, version, resource, subresource, name }),
    ...(fields.length > 0 ? { fieldSelector: { requirements: fields } } : {}),
    ...(labels.length > 0 ? { labelSelector: { requirements: labels } } : {}),
  }
}

interface Requirement {
  key: string
  operator: string
  values?: string[]
}

const attempt = (read: () => Requirement[]): Requirement[] => {
  try {
    return read()
  } catch {
    return []
  }
}

const fieldRequirements = (text: string | undefined): Requirement[] =>
  parseFieldSelector(text ?? '').map(({ field, operator, value }) => ({
    key: field,
    operator: operator === '=' ? 'In' : 'NotIn',
    values: [value],
  }))

const OPERATORS: Readonly<Record<string, string>> = {
  '=': 'In',
  In: 'In',
  '!=': 'NotIn',
  NotIn: 'NotIn',
  Exists: 'Exists',
  DoesNotExist: 'DoesNotExist',
}

const labelRequirements = (text: string | undefined): Requirement[] =>
  parseLabelSelector(text ?? '').flatMap(({ key, operator, values }) => {
    const known = OPERATORS[operator]
    if (!known) return []
    return [{ key, operator: known, ...(values.length > 0 ? { values: [...values] } : {}) }]
  })

/** What a review asks about; its selectors as they would be in a query. */
export const attributesOf = (user: User, spec: Omit<ReviewSpec, 'user' | 'groups'>): Attributes => {
  const { resourceAttributes, nonResourceAttributes } = spec
  if (!resourceAttributes) {
    const { verb = '', path = '' } = nonResourceAttributes ?? {}
    return { user, verb, path }
  }
  const {
    verb = '',
    group = '',
    version,
    resource = '',
    fieldSelector,
    labelSelector,
  } = resourceAttributes
  return {
    user,
    verb,
    group,
    ...(version ? { version } : {}),
    resource,
    subresource: resourceAttributes.subresource,
    namespace: resourceAttributes.namespace,
    name: resourceAttributes.name,
    fieldSelector: fieldSelector && selectorText(fieldSelector, fieldTerm),
    labelSelector: labelSelector && selectorText(labelSelector, labelTerm),
  }
}

const selectorText = (
  { rawSelector, requirements = [] }: Selector,
  termOf: (requirement: Requirement) => string | undefined,
): string | undefined =>
  rawSelector ||
  requirements
    .map((each) => termOf(each as Requirement))
    .filter((term) => term !== undefined)
    .join(',') ||
  undefined

/** A field has one value. */
const fieldTerm = ({ key, operator, values = [] }: Requirement): string | undefined => {
  const [value, ...more] = values
  if (value === undefined || more.length > 0) return undefined
  const escaped = value.replace(/[\\,=]/g, '\\$&')
  if (operator === 'In') return `${key}=${escaped}`
  return operator === 'NotIn' ? `${key}!=${escaped}` : undefined
}

const labelTerm = ({ key, operator, values = [] }: Requirement): string | undefined => {
  switch (operator) {
    case 'In':
      return `${key} in (${values.join(',')})`
    case 'NotIn':
      return `${key} notin (${values.join(',')})`
    case 'Exists':
      return key
    case 'DoesNotExist':
      return `!${key}`
    default:
      return undefined
  }
}
