/**
 * CSIDriver: what the cluster must know about a volume driver that is installed in it.
 *
 * Its name is the driver's. Whether it attaches volumes and the life cycles it supports never change.
 */
import type { StorageV1TokenRequest, V1CSIDriver } from '@kubernetes/client-node'
import { ageColumn, column, nameColumn } from '../core/columns.ts'
import { checkUnchanged, isOneOf } from '../core/field-rules.ts'
import { deepEqual } from '../equality.ts'
import { defineKind } from '../kind.ts'
import type { Wire, WireObject } from '../meta.ts'
import { duplicateField, type FieldError, invalidField, requiredField } from '../status-error.ts'

export type CSIDriver = WireObject<V1CSIDriver>

type Spec = CSIDriver['spec']

const FS_GROUP_POLICIES = ['File', 'None', 'ReadWriteOnceWithFSType']
const LIFECYCLE_MODES = ['Persistent', 'Ephemeral']
const MIN_UPDATE_SECONDS = 10
const MIN_TOKEN_SECONDS = 600
const MAX_TOKEN_SECONDS = 2 ** 32

const applyDefaults = (driver: CSIDriver): void => {
  driver.spec ??= {}
  const { spec } = driver
  spec.attachRequired ??= true
  spec.podInfoOnMount ??= false
  spec.storageCapacity ??= false
  spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType'
  if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent']
  spec.requiresRepublish ??= false
  spec.seLinuxMount ??= false
}

/** Limits of how volumes may be placed are off by default in 1.36. */
const dropDisabled = ({ spec }: CSIDriver): void => {
  if (spec) delete spec.preventPodSchedulingIfMissing
}

const validate = ({ spec }: CSIDriver): FieldError[] => {
  const errors: FieldError[] = []
  // Kubernetes reports `attachRequired` under another name.
  if (spec.attachRequired == null) errors.push(requiredField('spec.attachedRequired'))
  for (const field of ['podInfoOnMount', 'storageCapacity'] as const) {
    if (spec[field] == null) errors.push(requiredField(`spec.${field}`))
  }
  if (spec.fsGroupPolicy != null) {
    isOneOf(errors, 'spec.fsGroupPolicy', spec.fsGroupPolicy, FS_GROUP_POLICIES)
  }
  checkTokenRequests(errors, spec.tokenRequests)
  for (const mode of spec.volumeLifecycleModes ?? []) {
    isOneOf(errors, 'spec.volumeLifecycleModes', mode, LIFECYCLE_MODES)
  }
  if (spec.seLinuxMount == null) errors.push(requiredField('spec.seLinuxMount'))
  checkPeriodAndTokens(errors, spec)
  return errors
}

const checkPeriodAndTokens = (errors: FieldError[], spec: Spec): void => {
  const seconds = spec.nodeAllocatableUpdatePeriodSeconds
  if (seconds != null && seconds < MIN_UPDATE_SECONDS) {
    const why = 'must be greater than or equal to 10 seconds'
    errors.push(invalidField('spec.nodeAllocatableUpdatePeriodSeconds', seconds, why))
  }
  const inSecrets = spec.serviceAccountTokenInSecrets
  if (inSecrets == null || spec.tokenRequests?.length) return
  const why = 'serviceAccountTokenInSecrets is set but no tokenRequests are specified'
  errors.push(invalidField('spec.serviceAccountTokenInSecrets', inSecrets, why))
}

const checkTokenRequests = (
  errors: FieldError[],
  requests: Wire<StorageV1TokenRequest>[] = [],
): void => {
  const audiences = new Set<string>()
  for (const [index, { audience, expirationSeconds }] of requests.entries()) {
    const at = `spec.tokenRequests[${index}]`
    if (audiences.has(audience)) {
      errors.push(duplicateField(`${at}.audience`, audience))
      continue
    }
    audiences.add(audience)
    if (expirationSeconds == null) continue
    const refuse = (why: string) =>
      errors.push(invalidField(`${at}.expirationSeconds`, expirationSeconds, why))
    if (expirationSeconds < MIN_TOKEN_SECONDS) {
      refuse('may not specify a duration less than 10 minutes')
    }
    if (expirationSeconds > MAX_TOKEN_SECONDS) {
      refuse('may not specify a duration larger than 2^32 seconds')
    }
  }
}

const validateUpdate = ({ spec }: CSIDriver, old: CSIDriver): FieldError[] => {
  const errors: FieldError[] = []
  checkUnchanged(errors, 'spec.attachedRequired', spec.attachRequired, old.spec.attachRequired)
  const path = 'spec.volumeLifecycleModes'
  checkUnchanged(errors, path, spec.volumeLifecycleModes, old.spec.volumeLifecycleModes)
  return errors
}

const TOKENS_IN_ATTRIBUTES =
  'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes'

export const CSIDriver = defineKind<CSIDriver>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  plural: 'csidrivers',
  singular: 'csidriver',
  namespaced: false,
  model: 'V1CSIDriver',
  applyDefaults,
  prepareForCreate: dropDisabled,
  prepareForUpdate: (driver, old) => {
    dropDisabled(driver)
    // A new driver has no generation; its first change makes it 1.
    if (deepEqual(driver.spec, old.spec)) return
    driver.metadata.generation = (old.metadata.generation ?? 0) + 1
  },
  validate,
  validateUpdate,
  warnings: ({ spec }, old) =>
    spec.tokenRequests?.length &&
    spec.serviceAccountTokenInSecrets == null &&
    !deepEqual(spec.tokenRequests, old?.spec.tokenRequests ?? null)
      ? [TOKENS_IN_ATTRIBUTES]
      : [],
  columns: [
    nameColumn,
    column(
      'AttachRequired',
      'Whether volumes are attached before they are mounted.',
      ({ spec }) => {
        return spec.attachRequired ?? true
      },
      'boolean',
    ),
    column(
      'PodInfoOnMount',
      'Whether the driver is told of the pod.',
      ({ spec }) => {
        return spec.podInfoOnMount ?? false
      },
      'boolean',
    ),
    column(
      'StorageCapacity',
      'Whether free room counts when pods are placed.',
      ({ spec }) => {
        return spec.storageCapacity ?? false
      },
      'boolean',
    ),
    column('TokenRequests', 'Audiences of the tokens it is given.', ({ spec }) => {
      return spec.tokenRequests?.map(({ audience }) => audience).join(',') ?? '<unset>'
    }),
    column(
      'RequiresRepublish',
      'Whether volumes are published again and again.',
      ({ spec }) => {
        return spec.requiresRepublish ?? false
      },
      'boolean',
    ),
    column('Modes', 'Life cycles of volumes it supports.', ({ spec }) => {
      return spec.volumeLifecycleModes?.join(',') || '<none>'
    }),
    ageColumn,
  ],
})
