/**
 * One write on its way to the stream, and what its author is told in the end.
 *
 * Invariant: it is settled exactly once. It decides nothing.
 */
import type { AnyKind, Kind } from '../../api/kind.ts'
import { managersOf } from '../../api/managed-fields/manager-entry.ts'
import { storedManagers } from '../../api/managed-fields/stored-managers.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import { type StatusError, timeout, tooLarge } from '../../api/status-error.ts'
import { encode } from '../../bus/codec.ts'
import { type Fence, RevisionConflict, type Write } from '../../client/storage.ts'
import type { View } from '../../client/view.ts'

/** Largest object, as etcd's request limit is in Kubernetes. */
const MAX_OBJECT_BYTES = 1_572_864

export interface PendingWrite {
  kind: AnyKind
  namespace: string | undefined
  name: string
  /** The key: one write per subject is under way at a time. */
  subject: string
  payload: Uint8Array
  /** The revision its author read. */
  expected: number
  /** The sequence of the tombstone it is created over, once the server told a newer one than the cache. */
  tombstoneAt: number | undefined
  isDeletion: boolean
  ttlSeconds: number | undefined
  fence: Fence | undefined
  /** Others that are committed with it, just before it, or not at all. */
  before: readonly PendingWrite[]
  writeId: string
  /** An earlier attempt may have been stored. */
  isAmbiguous: boolean
  /** Monotonic ms after which it is given up. */
  deadline: number
  resolve(revision: number): void
  reject(error: Error): void
}

/** The messages it consists of, in their order. */
export const membersOf = (write: PendingWrite): readonly PendingWrite[] =>
  write.before.length === 0 ? [write] : [...write.before, write]

export const sizeOf = ({ payload, before }: PendingWrite): number => {
  let bytes = payload.length
  for (const member of before) bytes += member.payload.length
  return bytes
}

/**
 * The stored bytes of `object`: without resourceVersion, which is the message's own sequence; managers come last
 * in its metadata, where taking them out again is cheap.
 */
export const payloadOf = (object: KubernetesObject, limitBytes: number): Uint8Array => {
  const metadata = object.metadata as unknown as Record<string, unknown>
  /** A loop: leaving a field out by destructuring costs as much as encoding all of them. */
  const kept: Record<string, unknown> = {}
  for (const field in metadata) if (field !== 'resourceVersion') kept[field] = metadata[field]
  const managers = managersOf(object)
  if (managers) kept['managedFields'] = storedManagers(managers)
  const payload = encode({ ...object, metadata: kept })
  const limit = Math.min(MAX_OBJECT_BYTES, limitBytes)
  if (payload.length > limit)
    throw tooLarge(
      `Request entity too large: the object has ${payload.length} bytes, limit is ${limit}`,
    )
  return payload
}

/** The object a write stores; a deletion stores the last state, as its author or else the cache knows it. */
export const storedObject = (
  { kind, namespace, name, object, last }: Write,
  view: View,
): KubernetesObject => {
  const stored = object ?? last ?? view.get(kind as Kind, namespace, name)
  if (!stored) throw new RevisionConflict(`${kind.plural} "${name}" does not exist`)
  return stored
}

export const unknownOutcome = (why: string): StatusError =>
  timeout(`request did not complete within requested timeout - ${why}; its outcome is unknown`)
