/**
 * ServiceCIDR: a range from which Services get their addresses; `kubernetes` is the cluster's own.
 *
 * A range never changes; a second one, of the other family, may be added once.
 */
import type { V1ServiceCIDR } from '@kubernetes/client-node'
import { carryField, carryOtherMetadata } from '../carry-field.ts'
import { checkCanonicalCidr } from '../core/address-rules.ts'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { FIELD_IMMUTABLE } from '../core/field-rules.ts'
import { isSloppyCidr } from '../ip-network.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { type FieldError, invalidField, requiredField } from '../status-error.ts'

export type ServiceCIDR = WireObject<V1ServiceCIDR>

const PATH = 'spec.cidrs'

const checkCidrs = (errors: FieldError[], cidrs: string[]): void => {
  if (cidrs.length === 0) {
    errors.push(requiredField(PATH, 'at least one CIDR required'))
    return
  }
  if (cidrs.length > 2) {
    errors.push(invalidField(PATH, { CIDRs: cidrs }, 'may only hold up to 2 values'))
    return
  }
  for (const [index, cidr] of cidrs.entries()) {
    checkCanonicalCidr(errors, `${PATH}[${index}]`, cidr)
  }
  const known = cidrs.filter(isSloppyCidr)
  if (known.length < 2 || new Set(known.map((cidr) => cidr.includes(':'))).size === 2) return
  const why =
    'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'
  errors.push(invalidField(PATH, cidrs, why))
}

const validate = (range: ServiceCIDR, old?: ServiceCIDR): FieldError[] => {
  const errors: FieldError[] = []
  // What is stored is not judged again, unless it grows.
  if (!old) checkCidrs(errors, range.spec?.cidrs ?? [])
  return errors
}

const validateUpdate = (range: ServiceCIDR, old: ServiceCIDR): FieldError[] => {
  const errors: FieldError[] = []
  const cidrs = range.spec?.cidrs ?? []
  const before = old.spec?.cidrs ?? []
  const grows = before.length === 1 && cidrs.length === 2
  if (cidrs.length !== before.length && !grows) {
    return [invalidField(PATH, range.spec?.cidrs ?? null, FIELD_IMMUTABLE)]
  }
  for (const [index, cidr] of before.entries()) {
    if (cidrs[index] === cidr) continue
    errors.push(invalidField(`${PATH}[${index}]`, cidrs[index], FIELD_IMMUTABLE))
  }
  if (grows) checkCidrs(errors, cidrs)
  return errors
}

export const ServiceCIDR = defineKind<ServiceCIDR>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'ServiceCIDR',
  plural: 'servicecidrs',
  singular: 'servicecidr',
  namespaced: false,
  model: 'V1ServiceCIDR',
  statusSubresource: true,
  applyDefaults: (range) => {
    range.spec ??= {}
    range.status ??= {}
  },
  prepareForCreate: (range) => {
    range.status = {}
  },
  prepareForUpdate: (range, old) => {
    carryField(range, old, 'status')
  },
  prepareForStatusUpdate: (range, old) => {
    carryField(range, old, 'spec')
    carryOtherMetadata(range, old)
  },
  validate,
  validateUpdate,
  columns: [
    nameColumn,
    column('CIDRs', 'Ranges of addresses.', ({ spec }) => (spec?.cidrs ?? []).join(',')),
    ageColumn,
  ],
})
