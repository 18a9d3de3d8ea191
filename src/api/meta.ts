/**
 * The shape every Kubernetes object shares.
 *
 * Field types come from `@kubernetes/client-node`'s models, as they look on the wire (times are strings).
 * Invariant: an object that came out of the cache or the store is shared and never mutated.
 */
import type { V1ObjectMeta, V1OwnerReference } from '@kubernetes/client-node'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** A model's type as JSON carries it: `Date` becomes an RFC 3339 string. */
export type Wire<T> = T extends Date
  ? string
  : T extends (infer Item)[]
    ? Wire<Item>[]
    : T extends object
      ? { [Key in keyof T]: Wire<T[Key]> }
      : T

export type OwnerReference = Wire<V1OwnerReference>

/** Metadata of a stored object: what the apiserver always fills in is required. */
export type ObjectMeta = Omit<
  Wire<V1ObjectMeta>,
  'name' | 'uid' | 'resourceVersion' | 'creationTimestamp'
> & {
  name: string
  uid: string
  /** Decimal; the sequence of the stream that stores the object. Not part of the stored value. */
  resourceVersion: string
  creationTimestamp: string
}

export interface KubernetesObject {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
}

/** A stored object of the model `T`. */
export type WireObject<T> = Omit<Wire<T>, 'apiVersion' | 'kind' | 'metadata'> & KubernetesObject

/** What a client sends to create an object: metadata is partial. */
export type Draft<T extends KubernetesObject> = Omit<T, 'metadata' | 'apiVersion' | 'kind'> & {
  apiVersion?: string
  kind?: string
  metadata: Partial<ObjectMeta>
}

/** `namespace/name`, or `name` for a cluster-scoped object. */
export const objectKey = (object: { metadata: { namespace?: string; name: string } }): string =>
  object.metadata.namespace
    ? `${object.metadata.namespace}/${object.metadata.name}`
    : object.metadata.name

/** The owner reference with `controller: true`, if any. */
export const controllerOf = (object: {
  metadata: { ownerReferences?: OwnerReference[] }
}): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find((reference) => reference.controller)
