/**
 * Lease: who holds something and until when it is believed to.
 *
 * Used for heartbeats of nodes and for leader election; times are compared by its users, not here.
 */
import type { V1Lease } from '@kubernetes/client-node'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { type FieldError, invalidField } from '../status-error.ts'

export type Lease = WireObject<V1Lease>

const validate = ({ spec }: Lease): FieldError[] => {
  const errors: FieldError[] = []
  const seconds = spec?.leaseDurationSeconds
  if (seconds != null && seconds <= 0) {
    errors.push(invalidField('spec.leaseDurationSeconds', seconds, 'must be greater than 0'))
  }
  const transitions = spec?.leaseTransitions
  if (transitions != null && transitions < 0) {
    const why = 'must be greater than or equal to 0'
    errors.push(invalidField('spec.leaseTransitions', transitions, why))
  }
  return errors
}

/** Fields of coordinated leader election, which is off by default. */
const dropCoordination = ({ spec }: Lease): void => {
  if (!spec) return
  delete spec.strategy
  delete spec.preferredHolder
}

export const Lease = defineKind<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  singular: 'lease',
  namespaced: true,
  model: 'V1Lease',
  applyDefaults: (lease) => {
    lease.spec ??= {}
  },
  prepareForCreate: dropCoordination,
  prepareForUpdate: dropCoordination,
  validate,
  columns: [
    nameColumn,
    column('Holder', 'Who holds it.', ({ spec }) => spec?.holderIdentity ?? ''),
    ageColumn,
  ],
})
