/**
 * Between the form a request asks for and the one that is stored, for kinds with several versions.
 *
 * Invariant: a kind that is stored as itself costs one look at `kind.storedAs`. Objects that come from here
 * are shared, as the cache's are: never mutated.
 */
import type { AnyKind } from '../../api/kind.ts'
import type { KubernetesObject } from '../../api/meta.ts'
import type { Change } from '../../client/view.ts'

/** A stored object as `kind` shows it. */
export const shownAs = async (
  kind: AnyKind,
  object: KubernetesObject,
): Promise<KubernetesObject> => {
  const { storedAs } = kind
  if (!storedAs) return object
  return storedAs.show(object) ?? (await storedAs.showAll([object]))[0]!
}

/** Stored objects as `kind` shows them. */
export const allShownAs = (
  kind: AnyKind,
  objects: readonly KubernetesObject[],
): readonly KubernetesObject[] | Promise<readonly KubernetesObject[]> =>
  kind.storedAs ? kind.storedAs.showAll(objects) : objects

/** What `kind` has of a stored object without asking anybody: itself, at worst. */
export const readyForm = (kind: AnyKind, object: KubernetesObject): KubernetesObject =>
  kind.storedAs?.show(object) ?? object

/** Changes of a stored kind as `kind` shows them. */
export const changesAs = (
  kind: AnyKind,
  changes: readonly Change[],
): readonly Change[] | Promise<readonly Change[]> => {
  const { storedAs } = kind
  if (!storedAs) return changes
  const objects: KubernetesObject[] = []
  for (const { object, previous } of changes) {
    objects.push(object)
    if (previous) objects.push(previous)
  }
  const put = (forms: readonly KubernetesObject[]): Change[] => {
    let at = 0
    return changes.map(({ type, previous, revision }) => {
      const object = forms[at++]!
      return { type, kind, object, revision, ...(previous ? { previous: forms[at++]! } : {}) }
    })
  }
  const forms = storedAs.showAll(objects)
  return forms instanceof Promise ? forms.then(put) : put(forms)
}
