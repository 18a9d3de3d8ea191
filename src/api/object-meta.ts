/**
 * `metadata`: what every kind's objects must satisfy, on create and on update.
 *
 * Order, paths and wording are those of Kubernetes' `apimachinery/pkg/api/validation/objectmeta.go`.
 * It does not fill in names, uids or times: the apiserver does.
 */
import { deepEqual } from './equality.ts'
import { canonicalAddressErrors } from './ip-network.ts'
import type { KindDeclaration } from './kind.ts'
import type { KubernetesObject, ObjectMeta, OwnerReference } from './meta.ts'
import {
  dns1035LabelErrors,
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  labelValueErrors,
  maskTrailingDash,
  type NameRule,
  pathSegmentErrors,
  qualifiedNameErrors,
} from './names.ts'
import {
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  tooLongField,
} from './status-error.ts'

const ANNOTATIONS_MAX_BYTES = 256 * 1024

/** Keeps dependents when their owner is deleted. */
const ORPHAN_FINALIZER = 'orphan'
/** Deletes dependents before their owner. */
const FOREGROUND_FINALIZER = 'foregroundDeletion'

const STANDARD_FINALIZERS = new Set(['kubernetes', ORPHAN_FINALIZER, FOREGROUND_FINALIZER])

type NamedKind = Pick<KindDeclaration<KubernetesObject>, 'namespaced' | 'nameRule' | 'isCustom'>

/** The rule that `metadata.name` of the kind obeys. */
const nameRuleOf = (kind: Pick<NamedKind, 'nameRule'>): NameRule =>
  NAME_RULES[kind.nameRule ?? 'dns1123Subdomain']

const NAME_RULES: Readonly<Record<NonNullable<NamedKind['nameRule']>, NameRule>> = {
  dns1123Subdomain: dns1123SubdomainErrors,
  dns1123Label: dns1123LabelErrors,
  dns1035Label: dns1035LabelErrors,
  pathSegment: pathSegmentErrors,
  ipAddress: canonicalAddressErrors,
}

const GENERATED_SUFFIX_LENGTH = 5
const GENERATED_NAME_MAX = 63

/** The part of generateName that a generated name keeps: five random characters must still fit in 63. */
export const generatedNameBase = (generateName: string): string =>
  generateName.slice(0, GENERATED_NAME_MAX - GENERATED_SUFFIX_LENGTH)

/** Faults of `object.metadata`, for a create: name and namespace have been filled in. */
export const validateObjectMeta = (
  kind: NamedKind,
  object: { metadata: Partial<ObjectMeta> },
  path = 'metadata',
): FieldError[] => {
  const { metadata } = object
  const errors: FieldError[] = []
  const rule = nameRuleOf(kind)
  const add = (field: string, bad: unknown, messages: string[]) => {
    for (const message of messages) errors.push(invalidField(`${path}.${field}`, bad, message))
  }
  if (metadata.generateName)
    add('generateName', metadata.generateName, rule(maskTrailingDash(metadata.generateName)))
  if (metadata.name) add('name', metadata.name, rule(metadata.name))
  else errors.push(requiredField(`${path}.name`, 'name or generateName is required'))
  if (!kind.namespaced) {
    if (metadata.namespace)
      errors.push(forbiddenField(`${path}.namespace`, 'not allowed on this type'))
  } else if (metadata.namespace)
    add('namespace', metadata.namespace, dns1123LabelErrors(metadata.namespace))
  else errors.push(requiredField(`${path}.namespace`))
  if ((metadata.generation ?? 0) < 0)
    add('generation', metadata.generation, ['must be greater than or equal to 0'])
  errors.push(
    ...validateLabels(metadata.labels, `${path}.labels`),
    ...validateAnnotations(metadata.annotations, `${path}.annotations`),
    ...validateOwnerReferences(metadata.ownerReferences, `${path}.ownerReferences`),
    ...validateFinalizers(metadata.finalizers, `${path}.finalizers`, kind.isCustom),
  )
  return errors
}

/** Faults of the change from `old` to `object`. Call `carryMetadata` first. */
export const validateObjectMetaUpdate = (
  object: { metadata: Partial<ObjectMeta> },
  old: { metadata: ObjectMeta },
  path = 'metadata',
  isCustom = false,
): FieldError[] => {
  const next = object.metadata
  const last = old.metadata
  const errors: FieldError[] = []
  if (last.deletionTimestamp) {
    const kept = new Set(last.finalizers)
    const added = [...new Set(next.finalizers)].filter((finalizer) => !kept.has(finalizer)).sort()
    if (added.length > 0)
      errors.push(
        forbiddenField(
          `${path}.finalizers`,
          `no new finalizers can be added if the object is being deleted, found new finalizers ${goStrings(added)}`,
        ),
      )
  }
  if (!next.resourceVersion)
    errors.push(invalidField(`${path}.resourceVersion`, '', 'must be specified for an update'))
  if ((next.generation ?? 0) < (last.generation ?? 0))
    errors.push(invalidField(`${path}.generation`, next.generation ?? 0, 'must not be decremented'))
  for (const field of IMMUTABLE_FIELDS)
    if (!deepEqual(next[field] ?? '', last[field] ?? ''))
      errors.push(invalidField(`${path}.${field}`, next[field] ?? '', 'field is immutable'))
  // What is as it was has passed already.
  if (!deepEqual(next.labels, last.labels))
    errors.push(...validateLabels(next.labels, `${path}.labels`))
  if (!deepEqual(next.annotations, last.annotations))
    errors.push(...validateAnnotations(next.annotations, `${path}.annotations`))
  if (!deepEqual(next.ownerReferences, last.ownerReferences))
    errors.push(...validateOwnerReferences(next.ownerReferences, `${path}.ownerReferences`))
  if (!deepEqual(next.finalizers, last.finalizers))
    errors.push(...validateFinalizers(next.finalizers, `${path}.finalizers`, isCustom))
  return errors
}

const IMMUTABLE_FIELDS = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const

/**
 * Gives `metadata`, in place, what an update may leave out or may not change: uid, creationTimestamp,
 * generation, and a deletion that has begun (Kubernetes' rest.BeforeUpdate).
 */
export const carryMetadata = (metadata: Partial<ObjectMeta>, last: ObjectMeta): void => {
  if (!metadata.uid) metadata.uid = last.uid
  if (!metadata.creationTimestamp) metadata.creationTimestamp = last.creationTimestamp
  if (last.generation === undefined) {
    if ('generation' in metadata) delete metadata.generation
  } else metadata.generation = last.generation
  if (last.deletionTimestamp) metadata.deletionTimestamp = last.deletionTimestamp
  if (last.deletionGracePeriodSeconds !== undefined)
    metadata.deletionGracePeriodSeconds ??= last.deletionGracePeriodSeconds
  if (last.selfLink === undefined && 'selfLink' in metadata) delete metadata.selfLink
}

export const validateLabels = (
  labels: Readonly<Record<string, string>> | undefined,
  path: string,
): FieldError[] => {
  const errors: FieldError[] = []
  for (const key in labels) {
    const label = labels[key] ?? ''
    for (const message of qualifiedNameErrors(key)) errors.push(invalidField(path, key, message))
    for (const message of labelValueErrors(label)) errors.push(invalidField(path, label, message))
  }
  return errors
}

export const validateAnnotations = (
  annotations: Readonly<Record<string, string>> | undefined,
  path: string,
): FieldError[] => {
  const errors: FieldError[] = []
  let size = 0
  for (const key in annotations) {
    for (const message of qualifiedNameErrors(key.toLowerCase()))
      errors.push(invalidField(path, key, message))
    size += Buffer.byteLength(key) + Buffer.byteLength(annotations[key] ?? '')
  }
  if (size > ANNOTATIONS_MAX_BYTES) errors.push(tooLongField(path, ANNOTATIONS_MAX_BYTES))
  return errors
}

const validateOwnerReferences = (
  references: readonly OwnerReference[] | undefined,
  path: string,
): FieldError[] => {
  const errors: FieldError[] = []
  let controller = ''
  for (const reference of references ?? []) {
    const version = (reference.apiVersion ?? '').split('/').at(-1)
    if (!version)
      errors.push(
        invalidField(`${path}.apiVersion`, reference.apiVersion, 'version must not be empty'),
      )
    for (const field of ['kind', 'name', 'uid'] as const)
      if (!reference[field]) errors.push(invalidField(`${path}.${field}`, '', 'must not be empty'))
    if (reference.apiVersion === 'v1' && reference.kind === 'Event')
      errors.push(
        invalidField(path, reference, '/v1, Kind=Event is disallowed from being an owner'),
      )
    if (!reference.controller) continue
    const owner = `${reference.kind}/${reference.name}`
    if (controller)
      errors.push(
        invalidField(
          path,
          references,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${owner}`,
        ),
      )
    else controller = owner
  }
  return errors
}

/** Whether a finalizer has a domain, or is one of Kubernetes' own; of custom objects it need not. */
export const isQualifiedFinalizer = (finalizer: string): boolean =>
  finalizer.includes('/') || STANDARD_FINALIZERS.has(finalizer)

const validateFinalizers = (
  finalizers: readonly string[] | undefined,
  path: string,
  isCustom = false,
): FieldError[] => {
  const errors: FieldError[] = []
  for (const finalizer of finalizers ?? []) {
    for (const message of qualifiedNameErrors(finalizer))
      errors.push(invalidField(path, finalizer, message))
  }
  if (finalizers?.includes(ORPHAN_FINALIZER) && finalizers.includes(FOREGROUND_FINALIZER))
    errors.push(
      invalidField(
        path,
        finalizers,
        `finalizer ${ORPHAN_FINALIZER} and ${FOREGROUND_FINALIZER} cannot be both set`,
      ),
    )
  if (isCustom) return errors
  for (const [index, finalizer] of (finalizers ?? []).entries())
    if (!isQualifiedFinalizer(finalizer))
      errors.push(
        invalidField(
          `${path}[${index}]`,
          finalizer,
          'name is neither a standard finalizer name nor is it fully qualified',
        ),
      )
  return errors
}

/** A list of strings as Go prints it with `%#v`. */
const goStrings = (texts: readonly string[]): string =>
  `[]string{${texts.map((text) => JSON.stringify(text)).join(', ')}}`
