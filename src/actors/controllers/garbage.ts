/**
 * Deletes what nobody owns any more, by owner references (Kubernetes' `pkg/controller/garbagecollector`).
 *
 * A reference is solid while its owner lives, waiting while the owner is deleted in the foreground, and
 * dangling once it is gone. All kinds with owners live in one stream, so an owner that the cache does not
 * hold does not exist: nothing is asked twice. Invariant: an object with a solid owner is never deleted; a
 * reference to a kind that is not known counts as solid, until its definition comes. Each look concerns one object.
 */
import { CustomResourceDefinition } from '../../api/apiextensions/custom-resource-definition.ts'
import type { AnyKind } from '../../api/kind.ts'
import { type KubernetesObject, type OwnerReference, objectKey } from '../../api/meta.ts'
import type { Cache, Change } from '../../client/view.ts'
import { type Controller, splitKey } from './controller.ts'
import {
  type Dependent,
  dependentsOf,
  dependentsOfStranger,
  watchDependents,
} from './dependents.ts'
import { type Command, NOTHING, type Plan } from './plan.ts'

const FOREGROUND = 'foregroundDeletion'
const ORPHAN = 'orphan'

export const garbage: Controller = {
  name: 'garbage',
  component: 'garbage-collector-controller',
  watchesEvery: {
    isWatched: ({ storage }) => storage === 'state',
    keys: (change, cache) => concernedKeys(change, cache),
  },
  reconcile: (_object, key, view) => {
    const found = lookUp(key, view)
    if (!found) return NOTHING
    const { kind, object } = found
    if (isDeletedWith(object, ORPHAN)) return orphanDependents(kind, object, view)
    if (isDeletedWith(object, FOREGROUND)) return awaitDependents(kind, object, view)
    if (object.metadata.deletionTimestamp) return NOTHING
    return { commands: judge(kind, object, view) }
  },
}

const garbageKey = (kind: AnyKind, object: { metadata: { namespace?: string; name: string } }) =>
  `${kind.group}:${kind.plural}:${objectKey(object)}`

const lookUp = (key: string, view: Cache) => {
  const [group, plural, rest] = key.split(':') as [string, string, string]
  const kind = view.kinds.storedAt(group, plural)
  const { namespace, name } = splitKey(rest)
  const object: KubernetesObject | undefined = view.get(kind, namespace, name)
  return object ? { kind, object } : undefined
}

const isDeletedWith = ({ metadata }: KubernetesObject, finalizer: string): boolean =>
  metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(finalizer)

/** Takes the owner out of its dependents, then lets the owner go. */
const orphanDependents = (kind: AnyKind, owner: KubernetesObject, view: Cache): Plan => {
  const dependents = dependentsOf(view, owner.metadata.uid)
  if (dependents.length === 0) return { commands: [withoutFinalizer(kind, owner, ORPHAN)] }
  return {
    commands: dependents.map(({ kind: theirs, object }) =>
      withoutOwners(theirs, object, [owner.metadata.uid]),
    ),
  }
}

/** Lets the owner go when nothing is left that blocks it. */
const awaitDependents = (kind: AnyKind, owner: KubernetesObject, view: Cache): Plan => {
  const { uid } = owner.metadata
  const isBlocked = dependentsOf(view, uid).some(({ object }) =>
    object.metadata.ownerReferences?.some(
      (reference) => reference.uid === uid && reference.blockOwnerDeletion,
    ),
  )
  return isBlocked ? NOTHING : { commands: [withoutFinalizer(kind, owner, FOREGROUND)] }
}

/** Deletes an object that has owners but no living one; forgets the dead ones of an object that has. */
const judge = (kind: AnyKind, object: KubernetesObject, view: Cache): Command[] => {
  const references = object.metadata.ownerReferences ?? []
  if (references.length === 0) return []
  const states = references.map((reference) => stateOf(reference, object, view))
  const lost = references.filter((_reference, i) => states[i] !== 'solid')
  if (lost.length === 0) return []
  if (lost.length < references.length)
    return [
      withoutOwners(
        kind,
        object,
        lost.map(({ uid }) => uid),
      ),
    ]
  const { resourceVersion, uid, finalizers = [] } = object.metadata
  const dependents = states.includes('waiting') ? dependentsOf(view, uid) : []
  if (mayCloseCircle(object, dependents)) return [withoutBlocking(kind, object)]
  const isForeground = finalizers.includes(FOREGROUND) || dependents.length > 0
  const propagationPolicy = finalizers.includes(ORPHAN)
    ? 'Orphan'
    : isForeground
      ? 'Foreground'
      : 'Background'
  const options = { propagationPolicy, preconditions: { uid, resourceVersion } } as const
  return [{ verb: 'delete', kind, object, options }]
}

/**
 * Whether the object, deleted in the foreground, might wait for what waits for it: one of its dependents is
 * waiting already. As in Kubernetes that is a guess; where it is wrong, an owner does not wait for the object.
 */
const mayCloseCircle = (object: KubernetesObject, dependents: readonly Dependent[]): boolean =>
  dependents.some((dependent) => isDeletedWith(dependent.object, FOREGROUND)) &&
  object.metadata.ownerReferences!.some(({ blockOwnerDeletion }) => blockOwnerDeletion)

type State = 'solid' | 'waiting' | 'dangling'

const stateOf = (reference: OwnerReference, object: KubernetesObject, view: Cache): State => {
  const kind = view.kinds.storedByName(reference.apiVersion, reference.kind)
  if (!kind) return 'solid'
  const { namespace } = object.metadata
  if (kind.namespaced && !namespace) return 'solid'
  const owner: KubernetesObject | undefined = view.get(
    kind,
    kind.namespaced ? namespace : undefined,
    reference.name,
  )
  if (owner?.metadata.uid !== reference.uid) return 'dangling'
  return isDeletedWith(owner, FOREGROUND) ? 'waiting' : 'solid'
}

const withoutBlocking = (kind: AnyKind, object: KubernetesObject): Command =>
  withReferences(
    kind,
    object,
    object.metadata.ownerReferences!.map((reference) => ({
      ...reference,
      blockOwnerDeletion: false,
    })),
  )

const withoutOwners = (kind: AnyKind, object: KubernetesObject, uids: string[]): Command =>
  withReferences(
    kind,
    object,
    object.metadata.ownerReferences!.filter(({ uid }) => !uids.includes(uid)),
  )

const withReferences = (
  kind: AnyKind,
  object: KubernetesObject,
  ownerReferences: OwnerReference[],
): Command => ({
  verb: 'patch',
  kind,
  object,
  type: 'merge',
  patch: {
    metadata: {
      uid: object.metadata.uid,
      resourceVersion: object.metadata.resourceVersion,
      ownerReferences,
    },
  },
})

const withoutFinalizer = (kind: AnyKind, object: KubernetesObject, finalizer: string): Command => ({
  verb: 'patch',
  kind,
  object,
  type: 'merge',
  patch: {
    metadata: {
      resourceVersion: object.metadata.resourceVersion,
      finalizers: object.metadata.finalizers!.filter((name) => name !== finalizer),
    },
  },
})

/** The objects to look at because of a change: the object, what depended on it, whom it held up. */
const concernedKeys = (change: Change, cache: Cache): string[] => {
  const { type, kind, object, previous } = change
  const { uid, deletionTimestamp, ownerReferences } = object.metadata
  const keys: string[] = []
  watchDependents(cache)
  if (kind === CustomResourceDefinition && type !== 'DELETED')
    keys.push(...keysOfStrangers(object as CustomResourceDefinition, cache))
  const wasWaitedFor = isDeletedWith(object, FOREGROUND) || isDeletedWith(object, ORPHAN)
  const isLeaving = type === 'DELETED' || (wasWaitedFor && !previous?.metadata.deletionTimestamp)
  if (isLeaving)
    for (const dependent of dependentsOf(cache, uid))
      keys.push(garbageKey(dependent.kind, dependent.object))
  if (type !== 'DELETED' && (wasWaitedFor || isUnowned(object, cache, previous)))
    keys.push(garbageKey(kind, object))
  const former = previous?.metadata.ownerReferences
  const isMoved = type === 'DELETED' || (former !== ownerReferences && former !== undefined)
  if (isMoved || deletionTimestamp)
    for (const reference of new Set([...(former ?? []), ...(ownerReferences ?? [])])) {
      const owner = ownerOf(reference, object, cache)
      if (owner?.object.metadata.deletionTimestamp) keys.push(garbageKey(owner.kind, owner.object))
    }
  return keys
}

/** What named owners of a kind before anybody knew the kind: now it can be told whether they are there. */
const keysOfStrangers = ({ spec }: CustomResourceDefinition, cache: Cache): string[] =>
  dependentsOfStranger(cache, spec.group, spec.names.kind).map(({ kind, object }) =>
    garbageKey(kind, object),
  )

/** Asked only when the references may have changed: most changes are of status. */
const isUnowned = (
  object: KubernetesObject,
  cache: Cache,
  previous?: KubernetesObject,
): boolean => {
  const references = object.metadata.ownerReferences
  if (!references || object.metadata.deletionTimestamp) return false
  if (previous && ownersOf(previous) === ownersOf(object)) return false
  return references.some((reference) => stateOf(reference, object, cache) !== 'solid')
}

/** Who they are and whether the object holds them up. */
const ownersOf = ({ metadata }: KubernetesObject): string =>
  (metadata.ownerReferences ?? [])
    .map(({ uid, blockOwnerDeletion }) => (blockOwnerDeletion ? `${uid}!` : uid))
    .join()

const ownerOf = (reference: OwnerReference, object: KubernetesObject, cache: Cache) => {
  const kind = cache.kinds.storedByName(reference.apiVersion, reference.kind)
  const namespace = kind?.namespaced ? object.metadata.namespace : undefined
  const owner: KubernetesObject | undefined = kind && cache.get(kind, namespace, reference.name)
  return kind && owner?.metadata.uid === reference.uid ? { kind, object: owner } : undefined
}
