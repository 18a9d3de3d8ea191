/**
 * The finalizers that keep storage objects while something uses them.
 *
 * Names are Kubernetes' (`pkg/volume/util/finalizer.go`). Pure.
 */
import { assert } from '../../std/assert.ts'
import type { KubernetesObject } from '../meta.ts'

const FINALIZERS: Readonly<Record<string, string>> = {
  PersistentVolumeClaim: 'kubernetes.io/pvc-protection',
  PersistentVolume: 'kubernetes.io/pv-protection',
  VolumeAttributesClass: 'kubernetes.io/vac-protection',
}

/** `kind`: a kind's name. */
export const protectionFinalizerOf = (kind: string): string => {
  const finalizer = FINALIZERS[kind]
  assert(finalizer, `nothing protects a ${kind}`)
  return finalizer
}

/** `object` with its protection as it should be, or undefined when it is so. */
export const protect = <T extends KubernetesObject>(
  object: T,
  kind: string,
  isUsed: () => boolean,
): T | undefined => {
  const finalizer = protectionFinalizerOf(kind)
  const { finalizers = [], deletionTimestamp } = object.metadata
  const has = finalizers.includes(finalizer)
  if (deletionTimestamp === undefined)
    return has ? undefined : withFinalizers(object, [...finalizers, finalizer])
  if (!has || isUsed()) return undefined
  return withFinalizers(
    object,
    finalizers.filter((each) => each !== finalizer),
  )
}

const withFinalizers = <T extends KubernetesObject>(object: T, finalizers: string[]): T => {
  const { finalizers: _, ...metadata } = object.metadata
  return {
    ...object,
    metadata: finalizers.length > 0 ? { ...metadata, finalizers } : metadata,
  }
}
