/**
 * ResourceClaim: devices that pods ask for, and which of them they got.
 *
 * The spec never changes; the status is written by the scheduler and by drivers. Rules follow Kubernetes 1.36
 * (`pkg/apis/resource`, `pkg/registry/resource`).
 */
import type { ResourceV1ResourceClaim } from '@kubernetes/client-node'
import { carryField } from '../carry-field.ts'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { FIELD_IMMUTABLE } from '../core/field-rules.ts'
import { deepEqual } from '../equality.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { type FieldError, invalidField } from '../status-error.ts'
import { applyClaimSpecDefaults, checkClaimSpec, requestNamesOf } from './claim-spec.ts'
import { applyClaimStatusDefaults, claimStatusErrors, dropDeallocated } from './claim-status.ts'
import { loadDeviceCompiler } from './device-expressions.ts'
import { RESOURCE_GROUP } from './device-rules.ts'

export type ResourceClaim = WireObject<ResourceV1ResourceClaim>

const validate = ({ spec = {} }: ResourceClaim, old?: ResourceClaim): FieldError[] => {
  const errors: FieldError[] = []
  if (!old) checkClaimSpec(errors, 'spec', spec)
  else if (!deepEqual(spec, old.spec ?? {}))
    errors.push(invalidField('spec', spec, FIELD_IMMUTABLE))
  return errors
}

const stateCell = ({ metadata, status }: ResourceClaim): string => {
  const states: string[] = []
  const isDeleted = metadata.deletionTimestamp !== undefined
  if (isDeleted) states.push('deleted')
  if (status?.allocation) {
    states.push('allocated')
    if (status.reservedFor?.length) states.push('reserved')
  } else if (!isDeleted) states.push('pending')
  return states.join(',')
}

export const ResourceClaim = defineKind<ResourceClaim>({
  group: RESOURCE_GROUP,
  version: 'v1',
  kind: 'ResourceClaim',
  plural: 'resourceclaims',
  singular: 'resourceclaim',
  namespaced: true,
  model: 'ResourceV1ResourceClaim',
  statusSubresource: true,
  load: loadDeviceCompiler,
  applyDefaults: ({ spec, status }) => {
    applyClaimSpecDefaults(spec)
    applyClaimStatusDefaults(status)
  },
  prepareForCreate: (claim) => {
    claim.status = {}
  },
  prepareForUpdate: (claim, old) => carryField(claim, old, 'status'),
  prepareForStatusUpdate: (claim, old) => {
    carryField(claim, old, 'spec')
    if (claim.status) dropDeallocated(claim.status, old.status)
  },
  validate,
  validateStatusUpdate: ({ metadata, spec, status = {} }, old) =>
    claimStatusErrors(
      status,
      old.status ?? {},
      requestNamesOf(spec?.devices),
      metadata.deletionTimestamp !== undefined,
    ),
  columns: [nameColumn, column('State', 'What became of it.', stateCell), ageColumn],
})
