/**
 * What RoleBinding and ClusterRoleBinding share: the role they give and whom they give it to.
 *
 * Wording and order follow Kubernetes 1.36 (`pkg/apis/rbac/validation`, `v1/defaults.go`). Which role a
 * binding refers to never changes: one who may edit a binding could gain any role otherwise.
 */
import type { RbacV1Subject, V1RoleRef } from '@kubernetes/client-node'
import { column, wideColumn } from '../core/columns.ts'
import type { Column } from '../kind.ts'
import type { KubernetesObject, Wire } from '../meta.ts'
import { dns1123SubdomainErrors, pathSegmentErrors } from '../names.ts'
import { type FieldError, invalidField, requiredField, unsupportedField } from '../status-error.ts'
import { RBAC_GROUP } from './policy-rule.ts'

export type Subject = Wire<RbacV1Subject>
type RoleRef = Wire<V1RoleRef>

export interface Binding extends KubernetesObject {
  roleRef: RoleRef
  subjects?: Subject[]
}

export const applyBindingDefaults = ({ roleRef, subjects }: Binding): void => {
  if (roleRef) roleRef.apiGroup ||= RBAC_GROUP
  for (const subject of subjects ?? [])
    if (subject.kind === 'User' || subject.kind === 'Group') subject.apiGroup ||= RBAC_GROUP
}

/** Faults of a binding; `roleKinds` are what it may refer to. */
export const bindingErrors = (
  { roleRef = { kind: '', name: '' }, subjects }: Binding,
  roleKinds: readonly string[],
): FieldError[] => {
  const errors: FieldError[] = []
  const { apiGroup = '', kind = '', name } = roleRef
  if (apiGroup !== RBAC_GROUP)
    errors.push(unsupportedField('roleRef.apiGroup', apiGroup, [RBAC_GROUP]))
  if (!roleKinds.includes(kind)) errors.push(unsupportedField('roleRef.kind', kind, roleKinds))
  if (!name) errors.push(requiredField('roleRef.name'))
  else
    for (const fault of pathSegmentErrors(name))
      errors.push(invalidField('roleRef.name', name, fault))
  const isNamespaced = roleKinds.includes('Role')
  for (const [index, subject] of (subjects ?? []).entries())
    checkSubject(errors, `subjects[${index}]`, subject, isNamespaced)
  return errors
}

const checkSubject = (
  errors: FieldError[],
  at: string,
  { kind = '', name = '', namespace, apiGroup = '' }: Subject,
  isNamespaced: boolean,
): void => {
  if (!name) errors.push(requiredField(`${at}.name`))
  if (kind === 'ServiceAccount') {
    if (name)
      for (const fault of dns1123SubdomainErrors(name))
        errors.push(invalidField(`${at}.name`, name, fault))
    if (apiGroup) errors.push(unsupportedField(`${at}.apiGroup`, apiGroup, ['']))
    if (!isNamespaced && !namespace) errors.push(requiredField(`${at}.namespace`))
  } else if (kind === 'User' || kind === 'Group') {
    if (!name)
      errors.push(invalidField(`${at}.name`, name, `${kind.toLowerCase()} name cannot be empty`))
    if (apiGroup !== RBAC_GROUP)
      errors.push(unsupportedField(`${at}.apiGroup`, apiGroup, [RBAC_GROUP]))
  } else errors.push(unsupportedField(`${at}.kind`, kind, ['ServiceAccount', 'User', 'Group']))
}

export const roleRefChangeErrors = (binding: Binding, old: Binding): FieldError[] => {
  const next = binding.roleRef ?? { kind: '', name: '' }
  const last = old.roleRef
  const isSame =
    next.apiGroup === last.apiGroup && next.kind === last.kind && next.name === last.name
  if (isSame) return []
  const shown = { APIGroup: next.apiGroup ?? '', Kind: next.kind ?? '', Name: next.name ?? '' }
  return [invalidField('roleRef', shown, 'cannot change roleRef')]
}

export const roleColumn = column<Binding>('Role', 'The role that is given.', ({ roleRef }) => {
  return `${roleRef.kind}/${roleRef.name}`
})

const namesOf = (kind: string, show: (subject: Subject) => string) =>
  function cell({ subjects = [] }: Binding): string {
    return subjects
      .filter((subject) => subject.kind === kind)
      .map(show)
      .join(', ')
  }

export const subjectColumns: readonly Column<Binding>[] = [
  wideColumn(
    'Users',
    'Users it is given to.',
    namesOf('User', ({ name }) => name),
  ),
  wideColumn(
    'Groups',
    'Groups it is given to.',
    namesOf('Group', ({ name }) => name),
  ),
  wideColumn(
    'ServiceAccounts',
    'Service accounts it is given to.',
    namesOf('ServiceAccount', ({ namespace, name }) => (namespace ? `${namespace}/${name}` : name)),
  ),
]
