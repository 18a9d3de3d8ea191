/**
 * IPAddress: one address of a Service range that is in use, named by the address, and by whom.
 *
 * The address is in canonical form, so each has one name. What uses it never changes.
 */
import type { V1IPAddress, V1ParentReference } from '@kubernetes/client-node'
import { column, nameColumn } from '../core/columns.ts'
import { checkDnsSubdomain, checkPathSegment, checkUnchanged } from '../core/field-rules.ts'
import { defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { type FieldError, requiredField } from '../status-error.ts'

export type IPAddress = WireObject<V1IPAddress>

type Parent = Wire<V1ParentReference>

const validate = ({ spec }: IPAddress): FieldError[] => {
  const errors: FieldError[] = []
  const path = 'spec.parentRef'
  const parent: Parent | undefined = spec?.parentRef
  if (!parent) return [requiredField(path)]
  if (parent.group) checkDnsSubdomain(errors, `${path}.group`, parent.group)
  for (const field of ['resource', 'name'] as const) {
    if (!parent[field]) errors.push(requiredField(`${path}.${field}`))
    else checkPathSegment(errors, `${path}.${field}`, parent[field])
  }
  if (parent.namespace) checkPathSegment(errors, `${path}.namespace`, parent.namespace)
  return errors
}

const parentCell = ({ spec }: IPAddress): string => {
  const parent: Parent | undefined = spec?.parentRef
  if (!parent) return '<none>'
  const { group, resource, namespace, name } = parent
  const what = (group ? `${resource}.${group}` : (resource ?? '')).toLowerCase()
  return [what, ...(namespace ? [namespace] : []), name].join('/')
}

export const IPAddress = defineKind<IPAddress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IPAddress',
  plural: 'ipaddresses',
  singular: 'ipaddress',
  shortNames: ['ip'],
  namespaced: false,
  model: 'V1IPAddress',
  nameRule: 'ipAddress',
  validate,
  validateUpdate: ({ spec }, old) => {
    const errors: FieldError[] = []
    checkUnchanged(
      errors,
      'spec.parentRef',
      spec?.parentRef,
      old.spec?.parentRef,
      '*networking.ParentReference',
    )
    return errors
  },
  columns: [nameColumn, column('ParentRef', 'What uses the address.', parentCell)],
})
