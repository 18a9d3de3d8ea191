/**
 * Empties namespaces that are being deleted, pods first, and lets them go when nothing is left
 * (Kubernetes' `pkg/controller/namespace/deletion`).
 *
 * Invariant: the finalizer goes only when the cache holds no object of the namespace. An object that slipped
 * in behind a deleted namespace is deleted too. At most DELETIONS_MAX deletions a look.
 */
import { Event } from '../../api/core/event.ts'
import { Namespace } from '../../api/core/namespace.ts'
import { Pod } from '../../api/core/pod.ts'
import { deepEqual } from '../../api/equality.ts'
import type { AnyKind } from '../../api/kind.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import { qualifiedResource } from '../../api/status-error.ts'
import type { Cache, Change } from '../../client/view.ts'
import { timestamp } from '../../std/clock.ts'
import { defineController } from './controller.ts'
import { type Command, NOTHING, type Plan } from './plan.ts'

const DELETIONS_MAX = 500
const FINALIZER = 'kubernetes'

export const namespace = defineController<Namespace>({
  name: 'namespace',
  component: 'namespace-controller',
  for: Namespace,
  watchesEvery: {
    isWatched: ({ namespaced }) => namespaced,
    keys: (change, cache) => doomedKeys(change, cache),
  },
  concerns: ({ type, object }) =>
    type === 'DELETED' || object.metadata.deletionTimestamp !== undefined,
  intervalMs: 20,
  reconcile: (found, name, view, now) => {
    const remaining = remainingIn(name, view)
    if (!found) return { commands: deletions(remaining.filter(({ kind }) => kind !== Event)) }
    if (!found.metadata.deletionTimestamp) return NOTHING
    if (remaining.length > 0) return empty(found, remaining, now)
    const { spec } = found
    if (!spec?.finalizers?.includes(FINALIZER)) return NOTHING
    const finalizers = spec.finalizers.filter((finalizer) => finalizer !== FINALIZER)
    const object = { ...found, spec: { ...spec, finalizers } }
    return { commands: [{ verb: 'finalize', kind: Namespace, object }] }
  },
})

interface Remaining {
  kind: AnyKind
  objects: KubernetesObject[]
}

const remainingIn = (name: string, view: Cache): Remaining[] =>
  [...view.kinds.stored].flatMap((kind) => {
    if (!kind.namespaced) return []
    const objects: KubernetesObject[] = view.list(kind, { namespace: name })
    return objects.length > 0 ? [{ kind, objects }] : []
  })

/** Pods stop before what they use goes away. */
const empty = (found: Namespace, remaining: Remaining[], now: number): Plan => {
  const pods = remaining.filter(({ kind }) => kind === Pod)
  const commands = deletions(pods.length > 0 ? pods : remaining)
  const conditions = conditionsOf(found, remaining, now)
  if (!deepEqual(conditions, found.status?.conditions)) {
    const object = { ...found, status: { ...found.status, conditions } } as Namespace
    commands.push({ verb: 'updateStatus', kind: Namespace, object })
  }
  return { commands }
}

const deletions = (remaining: readonly Remaining[]): Command[] =>
  remaining
    .flatMap(({ kind, objects }) =>
      objects
        .filter(({ metadata }) => !metadata.deletionTimestamp)
        .map((object): Command => ({ verb: 'delete', kind, object })),
    )
    .slice(0, DELETIONS_MAX)

type Condition = NonNullable<NonNullable<Namespace['status']>['conditions']>[number]

/** The five conditions of a namespace that is being emptied, in Kubernetes' order and wording. */
const conditionsOf = (
  found: Namespace,
  remaining: readonly Remaining[],
  now: number,
): Condition[] => {
  const finalizers = new Map<string, number>()
  for (const { objects } of remaining)
    for (const { metadata } of objects)
      for (const name of metadata.finalizers ?? [])
        finalizers.set(name, (finalizers.get(name) ?? 0) + 1)
  const content = remaining
    .map(({ kind, objects }) => {
      const resource = kind.group ? qualifiedResource(kind) : `${kind.plural}.`
      return `${resource} has ${objects.length} resource instances`
    })
    .sort()
  const held = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`)
  const fresh = [
    [
      'NamespaceDeletionDiscoveryFailure',
      'False',
      'ResourcesDiscovered',
      'All resources successfully discovered',
    ],
    [
      'NamespaceDeletionGroupVersionParsingFailure',
      'False',
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ],
    [
      'NamespaceDeletionContentFailure',
      'False',
      'ContentDeleted',
      'All content successfully deleted, may be waiting on finalization',
    ],
    [
      'NamespaceContentRemaining',
      'True',
      'SomeResourcesRemain',
      `Some resources are remaining: ${content.join(', ')}`,
    ],
    held.length > 0
      ? [
          'NamespaceFinalizersRemaining',
          'True',
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${held.sort().join(', ')}`,
        ]
      : [
          'NamespaceFinalizersRemaining',
          'False',
          'ContentHasNoFinalizers',
          'All content-preserving finalizers finished',
        ],
  ] as const
  const before = found.status?.conditions ?? []
  return fresh.map(([type, status, reason, message]) => {
    const old = before.find((condition) => condition.type === type)
    const since = old?.status === status ? old.lastTransitionTime : undefined
    return { type, status, reason, message, lastTransitionTime: since ?? timestamp(now) }
  })
}

/** The namespace of a change, when that namespace is going or gone. */
const doomedKeys = ({ type, kind, object }: Change, cache: Cache): string[] => {
  const name = object.metadata.namespace
  if (!name) return []
  const found = cache.get(Namespace, undefined, name)
  if (found) return found.metadata.deletionTimestamp ? [name] : []
  return type === 'ADDED' && kind !== Event ? [name] : []
}
