/**
 * `Kind`: everything the system knows about one kind of object, as data and pure functions.
 *
 * Storage, discovery, tables, OpenAPI and bus subjects follow from it; adding a kind touches one file
 * and one line of `kinds.ts`. Invariant: no function here does I/O or reads the clock.
 */
import type { Json, KubernetesObject } from './meta.ts'
import type { FieldError } from './status-error.ts'

/** Who asks, as authentication found out. */
export interface UserInfo {
  name: string
  groups: readonly string[]
  uid?: string
  extra?: Readonly<Record<string, readonly string[]>>
}

/** What a strategy may know besides the objects. */
export interface StrategyContext {
  /** Milliseconds since the epoch. */
  now: number
  user?: UserInfo
}

/** A part of an object that is read and written under a path of its own, as `/status` is. */
export interface PartStrategy<T> {
  /** In place: takes everything back that may not be changed here. `old` is shared: never mutate it. */
  prepareForUpdate(object: T, old: T, context: StrategyContext): void
  validateUpdate?(object: T, old: T): FieldError[]
}

/** A printer column; `priority` 0 is always shown, 1 only with `-o wide`. */
export interface Column<T> {
  name: string
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  format?: string
  description: string
  priority: 0 | 1
  /** `now` in ms, for columns that show an age. Returns the cell as Kubernetes prints it. */
  value(object: T, now: number): string | number | boolean
}

export interface ScaleSubresource<T> {
  /** The Scale's spec.replicas, status.replicas and status.selector (a label-selector string). */
  read(object: T): { replicas: number; statusReplicas: number; selector: string }
  /** A copy of `object` with that many replicas wanted. */
  write(object: T, replicas: number): T
  /** Where the object keeps spec.replicas, if elsewhere: `.spec.replicas`. */
  replicasPath?: string
}

export interface KindDeclaration<T extends KubernetesObject> {
  /** `''` for the core group. */
  group: string
  version: string
  kind: string
  /** The resource's name in paths: lower case, plural. */
  plural: string
  singular: string
  shortNames?: readonly string[]
  categories?: readonly string[]
  namespaced: boolean
  /** Nothing is stored: creating one asks a question, which is answered and forgotten. */
  isVirtual?: boolean
  /** Of a virtual kind: it is not created but read, and made up for each reader. */
  isComputed?: boolean
  /** Name of the model in `@kubernetes/client-node`, e.g. `V1Pod`: the source of the field schema. */
  model: string
  /** The stream that stores it; `events` is the one whose messages expire. Default `state`. */
  storage?: 'state' | 'events'
  /** Whether `/status` is served and spec and status never cross. */
  statusSubresource?: boolean
  /** Fields outside `metadata` and `status` raise metadata.generation when they change. */
  tracksGeneration?: boolean
  /** Annotations raise metadata.generation too, as those of a Deployment do: its ReplicaSets carry them. */
  annotationsAreDesired?: boolean
  /** `status` counts as desired: kinds without a status subresource, whose users write it. */
  statusIsDesired?: boolean
  scale?: ScaleSubresource<T>
  /** Further subresources that are the object itself, of which an update changes a part: `approval`. */
  parts?: Readonly<Record<string, PartStrategy<T>>>
  /** Loads what the functions below need and an idle cluster does not; awaited before each write. */
  load?(): Promise<unknown>
  /** Seconds of grace a plain DELETE gives; undefined: deleted at once. Kubernetes gives it to pods only. */
  gracePeriodSeconds?(object: T): number
  /** Fills in defaults, in place, on every object that enters (Kubernetes' SetDefaults). */
  applyDefaults?(object: T): void
  /** Before validation of a create, in place: clears what users may not set, e.g. status. */
  prepareForCreate?(object: T, context: StrategyContext): void
  /** Before validation of an update of the main resource, in place. `old` is shared: never mutate it. */
  prepareForUpdate?(object: T, old: T, context: StrategyContext): void
  prepareForStatusUpdate?(object: T, old: T, context: StrategyContext): void
  /** The object when its deletion is first asked for; a finalizer that it adds holds the object. */
  prepareForDelete?(object: T, context: StrategyContext): T
  /**
   * Field errors of an object, in Kubernetes' order, paths and wording; metadata is checked elsewhere.
   * Runs on a create and on an update of the main resource; `old` is given on an update.
   */
  validate?(object: T, old?: T): FieldError[]
  /**
   * What a user's update may not change, besides `validate`. Like `prepareForUpdate` it is for the main
   * resource only: `pods/binding` and `namespaces/finalize` change what it protects.
   */
  validateUpdate?(object: T, old: T): FieldError[]
  validateStatusUpdate?(object: T, old: T): FieldError[]
  /** Why an object of that name is not deleted by anybody's request; undefined: it is. */
  undeletable?(name: string): string | undefined
  /**
   * What clients are warned of though it is accepted, in Kubernetes' words; asked on a create, and with `old` on
   * an update of the main resource.
   */
  warnings?(object: T, old?: T): readonly string[]
  /** An update has to name the resourceVersion that it is made from. */
  needsRevision?: boolean
  /** How `metadata.name` is checked: default `dns1123Subdomain`. */
  nameRule?: 'dns1123Subdomain' | 'dns1123Label' | 'dns1035Label' | 'pathSegment' | 'ipAddress'
  /** Field selectors besides metadata.name and metadata.namespace. */
  selectableFields?: Readonly<Record<string, (object: T) => string>>
  /** Columns after Name and before Age are the kind's own; the list is complete, Name and Age included. */
  columns: readonly Column<T>[]
  /** What every answer warns clients of, as Kubernetes words it. */
  deprecation?: string
  /** Keys of spec whose lists have merge keys are in `merge-keys.ts`; extra schema facts go here. */
  description?: string
  /** Replaces, in place, parts that most objects have alike by ones that all share; caches ask it of what they hold. */
  share?(object: T): void
  /** What a cache that holds no whole objects keeps of one; default: all of it. */
  digest?(object: T): T
  /** For a kind that is another form of a stored one, see `defineVersion`. */
  storedAs?: StoredAs
  /** Defined at run time: it has a `schema`, and its `model` is `''`. */
  isCustom?: boolean
  /** Of a custom kind: what its definition states of the version. It may have to be decoded: ask `isCustom` first. */
  schema?: CustomSchema
  /** A large field that caches keep encoded until somebody reads it. */
  restingField?: Extract<keyof T, string>
  /** Bytes of recent changes that caches keep; default 32 MiB. */
  recentBytesMax?: number
  /** In place of `checkFields` by its model: decodes what came from outside. */
  decode?(value: Json): CheckedFields
}

/**
 * How the objects of a kind are stored when they are stored as another one's. The pipeline works on the form
 * that was asked for; caches and the store hold the stored one. `T` and the stored type are the kinds' own.
 */
export interface StoredAs {
  /** The kind that stores. */
  kind: AnyKind
  /** The stored `object` in this form; the same object for the same one. Undefined: `showAll` must be asked. */
  show(object: KubernetesObject): KubernetesObject | undefined
  /** Stored objects in this form, in their order. A promise only where a webhook converts. */
  showAll(
    objects: readonly KubernetesObject[],
  ): readonly KubernetesObject[] | Promise<readonly KubernetesObject[]>
  /** What is stored for `object`, which stays as it is. */
  store(object: KubernetesObject): KubernetesObject | Promise<KubernetesObject>
}

/** An openAPIV3Schema with Kubernetes' extensions. */
export type CustomSchema = { readonly [key: string]: Json }

/** What decoding gives: the object with its kind's fields only, and what was wrong. */
export interface CheckedFields {
  object: UncheckedObject
  /** In document order, as Kubernetes prints them: `unknown field "spec.foo"`. At most 100. */
  unknownFields: string[]
  /** Go's messages for wrong types, in document order; Kubernetes reports the first. */
  typeErrors: string[]
}

export interface Kind<T extends KubernetesObject = KubernetesObject> extends KindDeclaration<T> {
  readonly apiVersion: string
  readonly storage: 'state' | 'events'
  readonly statusSubresource: boolean
  readonly tracksGeneration: boolean
  /** For `StatusError`'s constructors. */
  readonly resource: string
  /** Phantom: lets a kind carry its object type. */
  readonly type?: T
}

/** A kind whose object type is not known here; strategies are called with the object they stored. */
// biome-ignore lint/suspicious/noExplicitAny: the one typed boundary for objects of any kind
export type AnyKind = Kind<any>

/** The kind whose objects the store and the caches hold for `kind`. */
export const storedKind = (kind: AnyKind): AnyKind => kind.storedAs?.kind ?? kind

/** An object as it comes from outside, before its schema was checked. */
export type UncheckedObject = { [key: string]: Json }

export const defineKind = <T extends KubernetesObject>(
  declaration: KindDeclaration<T>,
): Kind<T> => ({
  storage: 'state',
  statusSubresource: false,
  tracksGeneration: false,
  ...declaration,
  apiVersion: declaration.group
    ? `${declaration.group}/${declaration.version}`
    : declaration.version,
  resource: declaration.plural,
})
