/**
 * `metadata` as the apiserver keeps it: what it fills in, what clients may not change.
 *
 * After Kubernetes' `rest.FillObjectMetaSystemFields` and `BeforeUpdate`. Invariant: uid, creationTimestamp
 * and the deletion fields never come from a client. It does not check names; see the API's own rules.
 */
import { deepEqual } from '../../api/equality.ts'
import type { AnyKind } from '../../api/kind.ts'
import type { KubernetesObject, ObjectMeta } from '../../api/meta.ts'
import { carryMetadata, generatedNameBase } from '../../api/object-meta.ts'
import { timestamp } from '../../std/clock.ts'
import { newUid, randomSuffix } from '../../std/ids.ts'

/** Prepares a new object's metadata, in place. */
export const fillMetadata = (
  object: KubernetesObject,
  kind: AnyKind,
  namespace: string | undefined,
  nowMs: number,
): void => {
  const metadata = object.metadata as Partial<ObjectMeta>
  dropServerFields(metadata)
  for (const field of OF_SERVER) if (field in metadata) delete metadata[field]
  if (kind.namespaced) metadata.namespace = namespace!
  else if ('namespace' in metadata) delete metadata.namespace
  metadata.uid = newUid()
  metadata.creationTimestamp = timestamp(nowMs)
  if (kind.tracksGeneration) metadata.generation = 1
  else if ('generation' in metadata) delete metadata.generation
}

const OF_SERVER = ['deletionTimestamp', 'deletionGracePeriodSeconds', 'resourceVersion'] as const

/** A name from generateName; Kubernetes shortens the base to keep the result a DNS label. */
export const generatedName = (base: string): string => generatedNameBase(base) + randomSuffix()

/** Restores in `next`, in place, what an update may leave out. */
export const keepMetadata = (next: KubernetesObject, old: KubernetesObject): void => {
  const { metadata } = next
  dropServerFields(metadata)
  carryMetadata(metadata, old.metadata)
  metadata.resourceVersion = old.metadata.resourceVersion
  if (old.metadata.namespace !== undefined) metadata.namespace = old.metadata.namespace
  if (old.metadata.generateName !== undefined) metadata.generateName = old.metadata.generateName
}

const dropServerFields = (metadata: Partial<ObjectMeta>): void => {
  if (metadata.selfLink !== undefined) delete metadata.selfLink
  if (metadata.managedFields !== undefined) delete metadata.managedFields
}

/**
 * Raises metadata.generation, in place, when something outside metadata and status changed; of a kind that
 * says so, also when annotations did.
 */
export const countGeneration = (
  kind: AnyKind,
  next: KubernetesObject,
  old: KubernetesObject,
): void => {
  if (!kind.tracksGeneration) return
  const generation = old.metadata.generation ?? 1
  next.metadata.generation = isSameDesire(kind, next, old) ? generation : generation + 1
}

const isSameDesire = (kind: AnyKind, next: KubernetesObject, old: KubernetesObject): boolean => {
  const after = next as unknown as Record<string, unknown>
  const before = old as unknown as Record<string, unknown>
  if (kind.annotationsAreDesired && !sameAnnotations(next, old)) return false
  const isDesire = (key: string) =>
    key !== 'metadata' && (key !== 'status' || kind.statusIsDesired === true)
  for (const key in after) if (isDesire(key) && !deepEqual(after[key], before[key])) return false
  for (const key in before)
    if (isDesire(key) && before[key] !== undefined && after[key] === undefined) return false
  return true
}

const sameAnnotations = (next: KubernetesObject, old: KubernetesObject): boolean =>
  deepEqual(next.metadata.annotations ?? {}, old.metadata.annotations ?? {})

/** Whether something still has to be done before a deleted object may go. */
export const hasFinalizers = (object: KubernetesObject): boolean => {
  if (object.metadata.finalizers?.length) return true
  if (object.kind !== 'Namespace' || object.apiVersion !== 'v1') return false
  const { spec } = object as KubernetesObject & { spec?: { finalizers?: string[] } }
  return Boolean(spec?.finalizers?.length)
}

/** A deleted object that nothing holds any more: an update that makes it so removes it. */
export const isReadyToGo = (object: KubernetesObject): boolean =>
  object.metadata.deletionTimestamp !== undefined &&
  !object.metadata.deletionGracePeriodSeconds &&
  !hasFinalizers(object)
