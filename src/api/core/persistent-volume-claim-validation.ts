/**
 * Validation of a PersistentVolumeClaim: its spec, also as a template inside a pod, and what may change of it.
 *
 * Order and wording follow Kubernetes 1.36 (`ValidatePersistentVolumeClaimSpec`). A bound claim may ask for more
 * room or other attributes; nothing else changes once a volume is bound.
 */
import type {
  V1PersistentVolumeClaimSpec,
  V1PersistentVolumeClaimTemplate,
  V1TypedObjectReference,
} from '@kubernetes/client-node'
import { deepCopy, deepEqual } from '../equality.ts'
import type { Wire } from '../meta.ts'
import { qualifiedNameErrors } from '../names.ts'
import { validateAnnotations } from '../object-meta.ts'
import { milliValue, value } from '../quantity.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from '../status-error.ts'
import {
  checkDnsLabel,
  checkDnsSubdomain,
  checkLabelSelector,
  checkLabels,
  checkNonNegativeQuantity,
  checkPositiveQuantity,
  checkUnchanged,
  FIELD_IMMUTABLE,
  isOneOf,
} from './field-rules.ts'
import { CLASS_ANNOTATION } from './persistent-volume.ts'
import type { PersistentVolumeClaim } from './persistent-volume-claim.ts'
import { checkAccessModes, VOLUME_MODES } from './persistent-volume-validation.ts'
import { compareAmounts, isNativeResource, type ResourceList } from './resource-list.ts'
import { specDifference } from './spec-difference.ts'

type Spec = Wire<V1PersistentVolumeClaimSpec>
type Reference = Partial<Wire<V1TypedObjectReference>>

const RESIZE_STATUSES = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
].sort()

export const validateClaim = (
  claim: PersistentVolumeClaim,
  old?: PersistentVolumeClaim,
): FieldError[] => {
  const errors: FieldError[] = []
  // Groups of data sources were not checked once.
  const checkGroups = !old?.spec?.dataSource?.apiGroup && !old?.spec?.dataSourceRef?.apiGroup
  checkClaimSpec(errors, 'spec', claim.spec ?? {}, checkGroups)
  return errors
}

/** A claim that is made for a pod: labels and annotations are all its metadata may have. */
export const checkClaimTemplate = (
  errors: FieldError[],
  path: string,
  { metadata, spec }: Wire<V1PersistentVolumeClaimTemplate>,
): void => {
  errors.push(...validateAnnotations(metadata?.annotations, `${path}.metadata.annotations`))
  checkLabels(errors, `${path}.metadata.labels`, metadata?.labels)
  for (const field of Object.keys(metadata ?? {})) {
    if (field === 'annotations' || field === 'labels') continue
    // Kubernetes derives the path from its own name of the field.
    const shown = field === 'uid' ? 'uID' : field
    errors.push(forbiddenField(`${path}.metadata.${shown}`, 'cannot be set'))
  }
  checkClaimSpec(errors, `${path}.spec`, spec ?? {}, true)
}

/** The spec of a claim or of a template of claims; `checkGroups`: those of data sources, too. */
export const checkClaimSpec = (
  errors: FieldError[],
  path: string,
  spec: Spec,
  checkGroups: boolean,
): void => {
  const missing = 'at least 1 access mode is required'
  if (!spec.accessModes?.length) errors.push(requiredField(`${path}.accessModes`, missing))
  checkLabelSelector(errors, `${path}.selector`, spec.selector)
  if (spec.accessModes?.length) {
    checkAccessModes(errors, `${path}.accessModes`, spec.accessModes, missing)
  }
  const size = spec.resources?.requests?.['storage']
  const at = `${path}.resources[storage]`
  if (size === undefined) errors.push(requiredField(at))
  else checkPositiveQuantity(errors, at, size)
  if (spec.storageClassName) {
    checkDnsSubdomain(errors, `${path}.storageClassName`, spec.storageClassName)
  }
  if (spec.volumeMode != null) {
    isOneOf(errors, `${path}.volumeMode`, spec.volumeMode, VOLUME_MODES)
  }
  checkDataSources(errors, path, spec, checkGroups)
  if (spec.volumeAttributesClassName) {
    const attributes = `${path}.volumeAttributesClassName`
    checkDnsSubdomain(errors, attributes, spec.volumeAttributesClassName)
  }
}

const checkDataSources = (
  errors: FieldError[],
  path: string,
  { dataSource, dataSourceRef }: Spec,
  checkGroups: boolean,
): void => {
  if (dataSource) checkDataSource(errors, `${path}.dataSource`, dataSource, checkGroups)
  if (dataSourceRef) checkDataSource(errors, `${path}.dataSourceRef`, dataSourceRef, checkGroups)
  if (!dataSource || !dataSourceRef) return
  const isSame =
    dataSource.apiGroup === dataSourceRef.apiGroup &&
    dataSource.kind === dataSourceRef.kind &&
    dataSource.name === dataSourceRef.name
  // Kubernetes shows a path as the value, which comes out empty.
  const refuse = (why: string) => errors.push(invalidField(path, {}, why))
  if (dataSourceRef.namespace) {
    refuse('may not be specified when dataSourceRef.namespace is specified')
  } else if (!isSame) refuse('must match dataSourceRef')
}

const checkDataSource = (
  errors: FieldError[],
  path: string,
  { apiGroup, kind, name, namespace }: Reference,
  checkGroups: boolean,
): void => {
  if (!name) errors.push(requiredField(`${path}.name`))
  if (!kind) errors.push(requiredField(`${path}.kind`))
  if (!apiGroup) {
    if (kind !== 'PersistentVolumeClaim') {
      const why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
      errors.push(invalidField(path, kind ?? '', why))
    }
  } else if (checkGroups) checkDnsSubdomain(errors, `${path}.apiGroup`, apiGroup)
  if (namespace) checkDnsLabel(errors, `${path}.namespace`, namespace)
}

export const validateClaimUpdate = (
  claim: PersistentVolumeClaim,
  old: PersistentVolumeClaim,
): FieldError[] => {
  const errors: FieldError[] = []
  const spec = claim.spec ?? {}
  const last = old.spec ?? {}
  const frozen = withOldMutableFields(errors, claim, old)
  if (!deepEqual(frozen, last)) {
    const why = `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n${specDifference(last, frozen)}`
    errors.push(forbiddenField('spec', why))
  }
  checkSize(errors, spec, old)
  checkUnchanged(errors, 'volumeMode', spec.volumeMode, last.volumeMode)
  checkAttributesClass(errors, spec, old)
  return errors
}

/** The new spec with everything that may change put back: what is left must equal the old one. */
const withOldMutableFields = (
  errors: FieldError[],
  claim: PersistentVolumeClaim,
  old: PersistentVolumeClaim,
): Spec => {
  const last = old.spec ?? {}
  const frozen = deepCopy(claim.spec ?? {})
  if (!last.volumeName) put(frozen, 'volumeName', last.volumeName)
  const annotated = old.metadata.annotations?.[CLASS_ANNOTATION]
  const annotation = claim.metadata.annotations?.[CLASS_ANNOTATION]
  const named = frozen.storageClassName
  // The class may move from the annotation to the field, and be filled in once.
  const mayBeNamed = named != null && last.storageClassName == null
  if (mayBeNamed && (annotated === undefined || named === annotated)) {
    put(frozen, 'storageClassName', last.storageClassName)
  }
  const moves = mayBeNamed && named === annotated && annotation === undefined
  if (!moves && (annotation ?? '') !== (annotated ?? '')) {
    const path = `metadata.annotations.${CLASS_ANNOTATION}`
    errors.push(invalidField(path, annotation ?? '', FIELD_IMMUTABLE))
  }
  if (claim.status?.phase !== 'Bound') return frozen
  const size = last.resources?.requests?.['storage']
  if (frozen.resources?.requests && size !== undefined) frozen.resources.requests['storage'] = size
  put(frozen, 'volumeAttributesClassName', last.volumeAttributesClassName)
  return frozen
}

const put = <Field extends keyof Spec>(spec: Spec, field: Field, value: Spec[Field]): void => {
  if (value === undefined) delete spec[field]
  else spec[field] = value
}

const checkSize = (errors: FieldError[], spec: Spec, old: PersistentVolumeClaim): void => {
  const amountOf = (list: ResourceList | undefined) => list?.['storage'] ?? '0'
  const size = amountOf(spec.resources?.requests)
  if (compareAmounts(size, amountOf(old.spec?.resources?.requests)) >= 0) return
  // A growth that cannot succeed may be taken back, down to what there is.
  if (compareAmounts(size, amountOf(old.status?.capacity)) > 0) return
  const why = 'field can not be less than status.capacity'
  errors.push(forbiddenField('spec.resources.requests.storage', why))
}

const checkAttributesClass = (
  errors: FieldError[],
  { volumeAttributesClassName: name }: Spec,
  old: PersistentVolumeClaim,
): void => {
  if (name || name === old.spec?.volumeAttributesClassName) return
  if (old.status?.currentVolumeAttributesClassName == null) return
  const what = name == null ? 'nil' : 'empty string'
  const why = `update to ${what} is forbidden when status.currentVolumeAttributesClassName is not nil`
  errors.push(forbiddenField('spec.volumeAttributesClassName', why))
}

export const validateClaimStatusUpdate = (claim: PersistentVolumeClaim): FieldError[] => {
  const errors: FieldError[] = []
  const { status } = claim
  if (!claim.spec?.accessModes?.length) errors.push(requiredField('Spec.accessModes'))
  for (const [name, amount] of Object.entries(status?.capacity ?? {})) {
    checkNonNegativeQuantity(errors, `status.capacity[${name}]`, amount)
  }
  const path = 'status.allocatedResourceStatuses'
  for (const [name, resize] of Object.entries(status?.allocatedResourceStatuses ?? {})) {
    checkResourceKey(errors, path, name)
    if (!RESIZE_STATUSES.includes(resize)) {
      errors.push(unsupportedField(path, name, RESIZE_STATUSES))
    }
  }
  for (const [name, amount] of Object.entries(status?.allocatedResources ?? {})) {
    if (!checkResourceKey(errors, 'status.allocatedResources', name)) continue
    const at = `status.allocatedResources[${name}]`
    const bytes = value(amount)
    if (bytes < 0) {
      errors.push(invalidField(at, bytes, 'must be a valid resource quantity'))
      continue
    }
    if (milliValue(amount) % 1000 === 0) continue
    errors.push(invalidField(at, amount, 'must be an integer'))
  }
  return errors
}

/** Whether `name` may be asked of a volume: `storage`, or a name with a prefix of one's own. */
const checkResourceKey = (errors: FieldError[], path: string, name: string): boolean => {
  const faults = qualifiedNameErrors(name)
  for (const fault of faults) errors.push(invalidField(path, name, fault))
  if (faults.length > 0) return false
  if (!isNativeResource(name) || name === 'storage') return true
  errors.push(unsupportedField(path, name, ['storage']))
  return false
}
