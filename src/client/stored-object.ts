/**
 * From the bytes of a stream to the object that a cache holds.
 *
 * Invariant: strings that all objects of a kind or namespace share are shared; an object says of itself what
 * its kind cannot know (a custom one: which version it was stored in).
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { AnyKind } from '../api/kind.ts'
import { setManagers } from '../api/managed-fields/manager-entry.ts'
import { readStoredManagers } from '../api/managed-fields/stored-managers.ts'
import type { KubernetesObject } from '../api/meta.ts'
import { decodeTrusted, encode } from '../bus/codec.ts'

/**
 * Decodes a value; `digests`: down to what `Kind.digest` keeps. Who manages the fields is of interest only where
 * objects are shown.
 */
export const readStored = (
  kind: AnyKind,
  payload: Uint8Array,
  sequence: number,
  namespace: string | undefined,
  digests: boolean,
): KubernetesObject => {
  const object = decodeTrusted(payload) as KubernetesObject
  if (kind.version !== '') {
    object.apiVersion = kind.apiVersion
    object.kind = kind.kind
  } else {
    object.apiVersion = shared(object.apiVersion)
    object.kind = shared(object.kind)
  }
  const { metadata } = object
  if (namespace !== undefined) metadata.namespace = shared(namespace)
  const stored: unknown = metadata.managedFields
  if (stored !== undefined) {
    delete metadata.managedFields
    if (!digests) setManagers(object, readStoredManagers(stored))
  }
  metadata.resourceVersion = String(sequence)
  kind.share?.(object)
  if (digests) return kind.digest ? kind.digest(object) : object
  if (kind.restingField) rest(object as never, kind.restingField)
  return object
}

const words = new Map<string, string>()
const WORDS_SHARED = 10_000
const shared = (word: string): string => {
  const known = words.get(word)
  if (known !== undefined) return known
  if (words.size < WORDS_SHARED) words.set(word, word)
  return word
}

/** Replaces a field by its packed bytes, which are decoded when the field is read. */
const rest = (object: Record<string, unknown>, field: string): void => {
  const packed = deflateRawSync(encode(object[field]))
  let decoded: WeakRef<object> | undefined
  Object.defineProperty(object, field, {
    enumerable: true,
    configurable: true,
    get: () => {
      let value = decoded?.deref()
      if (!value) {
        value = decodeTrusted(inflateRawSync(packed)) as object
        decoded = new WeakRef(value)
      }
      return value
    },
  })
}
