/**
 * `defineVersion`: another group, version or form in which the objects of a stored kind are served.
 *
 * Kubernetes' rules run on one internal form; here that is the stored kind, so every rule of a version is the
 * stored kind's, run on the converted object. Invariant: converting there and back loses nothing; objects of
 * the stored kind itself pass nothing of this. Custom kinds have conversions of their own.
 */
import { type AnyKind, defineKind, type Kind, type KindDeclaration } from './kind.ts'
import { managersOf, setManagers } from './managed-fields/manager-entry.ts'
import type { KubernetesObject } from './meta.ts'

export interface VersionDeclaration<T extends KubernetesObject, Stored extends KubernetesObject>
  extends Pick<KindDeclaration<T>, 'version' | 'model'>,
    Partial<
      Pick<
        KindDeclaration<T>,
        | 'group'
        | 'kind'
        | 'plural'
        | 'singular'
        | 'shortNames'
        | 'columns'
        | 'selectableFields'
        | 'deprecation'
        | 'description'
      >
    > {
  /**
   * The form of `object` in this version, without apiVersion and kind. It may share parts with `object`, which
   * is never mutated.
   */
  fromStored(object: Stored): Omit<T, 'apiVersion' | 'kind'>
  /** The inverse of `fromStored`; `object` may be incomplete, because it is not validated yet. */
  toStored(object: T): Omit<Stored, 'apiVersion' | 'kind'>
  /** Defaults of this version, in place, before those of the stored kind. */
  applyDefaults?(object: T): void
}

/** Columns, names and selectable fields are the stored kind's unless the declaration has its own. */
export const defineVersion = <T extends KubernetesObject, Stored extends KubernetesObject>(
  stored: Kind<Stored>,
  declaration: VersionDeclaration<T, Stored>,
): Kind<T> => {
  const { fromStored, toStored, applyDefaults, ...own } = declaration
  const { kind, plural, singular, shortNames, categories, namespaced, storage, nameRule } = stored
  const names = { kind, plural, singular, namespaced, storage }
  const version: Kind<T> = defineKind<T>({
    ...names,
    ...(shortNames ? { shortNames } : {}),
    ...(categories ? { categories } : {}),
    ...(nameRule ? { nameRule } : {}),
    group: stored.group,
    statusSubresource: stored.statusSubresource,
    tracksGeneration: stored.tracksGeneration,
    columns: stored.columns.map((column) => ({
      ...column,
      value: (object: T, now: number) => column.value(inward(object), now),
    })),
    ...(stored.selectableFields ? { selectableFields: fieldsThrough(stored, inward) } : {}),
    ...own,
    ...rulesThrough(stored, inward, outward, applyDefaults),
    storedAs: formOf(stored, inward, outward),
  })
  function inward(object: T): Stored {
    return { ...toStored(object), apiVersion: stored.apiVersion, kind: stored.kind } as Stored
  }
  function outward(object: Stored): T {
    const { apiVersion, kind: name } = version
    return { apiVersion, kind: name, ...fromStored(object) } as unknown as T
  }
  return version
}

const formOf = <T extends KubernetesObject, Stored extends KubernetesObject>(
  kind: AnyKind,
  inward: (object: T) => Stored,
  outward: (object: Stored) => T,
): Kind['storedAs'] => {
  /** Watchers and readers of one object share its converted form. */
  const shown = new WeakMap<KubernetesObject, KubernetesObject>()
  const show = (object: KubernetesObject): KubernetesObject => {
    let form = shown.get(object)
    if (!form) {
      form = outward(object as Stored)
      shown.set(object, form)
    }
    return form
  }
  return {
    kind,
    show,
    showAll: (objects) => objects.map(show),
    store: (object) => inward(object as T),
  }
}

const fieldsThrough = <T extends KubernetesObject, Stored extends KubernetesObject>(
  { selectableFields = {} }: Kind<Stored>,
  inward: (object: T) => Stored,
): Record<string, (object: T) => string> =>
  Object.fromEntries(
    Object.entries(selectableFields).map(([field, read]) => [
      field,
      (object: T) => read(inward(object)),
    ]),
  )

/** The stored kind's rules for objects of the version. */
const rulesThrough = <T extends KubernetesObject, Stored extends KubernetesObject>(
  stored: Kind<Stored>,
  inward: (object: T) => Stored,
  outward: (object: Stored) => T,
  applyDefaults: ((object: T) => void) | undefined,
): Partial<KindDeclaration<T>> => {
  /** Runs a step that works in place on the stored form, and puts the outcome back. */
  const inPlace = (object: T, step: (inner: Stored) => void) => {
    const inner = inward(structuredClone(object))
    step(inner)
    const outcome = outward(inner)
    setManagers(outcome, managersOf(object))
    for (const key of Object.keys(object))
      if (!(key in outcome)) delete (object as Record<string, unknown>)[key]
    Object.assign(object, outcome)
  }
  const { prepareForCreate, prepareForUpdate, prepareForStatusUpdate, scale } = stored
  const { validate, validateUpdate, validateStatusUpdate, load } = stored
  return {
    ...(load ? { load } : {}),
    applyDefaults: (object) => {
      applyDefaults?.(object)
      inPlace(object, (inner) => stored.applyDefaults?.(inner))
    },
    ...(prepareForCreate && {
      prepareForCreate: (object, context) =>
        inPlace(object, (inner) => prepareForCreate(inner, context)),
    }),
    ...(prepareForUpdate && {
      prepareForUpdate: (object, old, context) =>
        inPlace(object, (inner) => prepareForUpdate(inner, inward(old), context)),
    }),
    ...(prepareForStatusUpdate && {
      prepareForStatusUpdate: (object, old, context) =>
        inPlace(object, (inner) => prepareForStatusUpdate(inner, inward(old), context)),
    }),
    ...(validate && {
      validate: (object, old) => validate(inward(object), old && inward(old)),
    }),
    ...(validateUpdate && {
      validateUpdate: (object, old) => validateUpdate(inward(object), inward(old)),
    }),
    ...(validateStatusUpdate && {
      validateStatusUpdate: (object, old) => validateStatusUpdate(inward(object), inward(old)),
    }),
    ...(scale && {
      scale: {
        read: (object) => scale.read(inward(object)),
        write: (object, replicas) => outward(scale.write(inward(object), replicas)),
      },
    }),
  }
}
