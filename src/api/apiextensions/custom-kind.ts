/**
 * The kinds that a CustomResourceDefinition serves: one for each version, made anew when its spec changes.
 *
 * What a request needs of a schema is compiled when it is first needed. Invariant: rules run on the form of the
 * version that was asked for; objects are stored in the storage version (after Kubernetes'
 * `apiextensions-apiserver/pkg/registry/customresource`).
 */
import { checkFields } from '../check-fields.ts'
import { ageColumn, nameColumn } from '../core/columns.ts'
import { deepCopy } from '../equality.ts'
import {
  type AnyKind,
  type CheckedFields,
  type Column,
  type CustomSchema,
  defineKind,
  type KindDeclaration,
  type StoredAs,
} from '../kind.ts'
import { managersOf, setManagers } from '../managed-fields/manager-entry.ts'
import type { Json, KubernetesObject } from '../meta.ts'
import { isQualifiedFinalizer } from '../object-meta.ts'
import { StatusError } from '../status-error.ts'
import { age } from '../table.ts'
import { compareVersions } from '../version-order.ts'
import type { CustomResourceDefinition, DefinitionVersion } from './custom-resource-definition.ts'
import { CustomRules } from './custom-rules.ts'
import { parseJsonPath } from './json-path.ts'
import { scaleOf } from './scale-paths.ts'
import { isSettled, setDefaults } from './structural-objects.ts'

export type CustomObject = KubernetesObject & { [field: string]: Json }

/** Converts objects, all of one kind, to the version `apiVersion`; order and metadata are kept. */
export type Converter = (
  objects: readonly KubernetesObject[],
  apiVersion: string,
) => Promise<readonly KubernetesObject[]>

export interface KindPorts {
  /** The kind that stores. */
  stored: AnyKind
  /** The definition's webhook, where it has one. */
  convert?: Converter | undefined
  /** The definition as it is now; absent when it has gone. */
  definition(): CustomResourceDefinition | undefined
}

/** Served versions of `definition`, the preferred one first. They do not hold it: it rests encoded in the cache. */
export const customKinds = (definition: CustomResourceDefinition, ports: KindPorts): AnyKind[] => {
  const { versions } = definition.spec
  const storage = versions.find((version) => version.storage) ?? versions[0]!
  return versions
    .filter(({ served }) => served)
    .sort((a, b) => compareVersions(a.name, b.name))
    .map((version) => {
      const kind = defineKind(declarationOf(definition, version, storage.name, ports)) as AnyKind
      const read = schemaReader(version.name, ports)
      Object.defineProperty(kind, 'schema', { enumerable: true, configurable: true, get: read })
      return kind
    })
}

const schemaReader =
  (version: string, { definition }: KindPorts) =>
  (): CustomSchema => {
    const found = definition()?.spec.versions.find(({ name }) => name === version)
    return (found?.schema?.openAPIV3Schema ?? {}) as unknown as CustomSchema
  }

const declarationOf = (
  { spec, status }: CustomResourceDefinition,
  version: DefinitionVersion,
  storage: string,
  ports: KindPorts,
): KindDeclaration<CustomObject> => {
  const names = status?.acceptedNames ?? spec.names
  const { subresources } = version
  const rules = new CustomRules(
    schemaReader(version.name, ports),
    subresources?.scale,
    spec.preserveUnknownFields === true,
  )
  const apiVersion = `${spec.group}/${version.name}`
  const warning = version.deprecationWarning ?? `${apiVersion} ${names.kind} is deprecated`
  return {
    group: spec.group,
    version: version.name,
    kind: names.kind,
    plural: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    ...(names.shortNames ? { shortNames: names.shortNames } : {}),
    ...(names.categories ? { categories: names.categories } : {}),
    namespaced: spec.scope === 'Namespaced',
    model: '',
    isCustom: true,
    tracksGeneration: true,
    needsRevision: true,
    ...(subresources?.scale ? { scale: scaleOf(subresources.scale) } : {}),
    ...(version.deprecated ? { deprecation: warning } : {}),
    ...selectable(version),
    columns: columnsOf(version),
    ...rulesOf(rules, subresources?.status !== undefined, ports),
    storedAs: formOf({
      own: apiVersion,
      target: `${spec.group}/${storage}`,
      stored: ports.stored,
      rules,
      convert: ports.convert,
    }),
  }
}

const rulesOf = (
  rules: CustomRules,
  hasStatus: boolean,
  { stored, definition }: KindPorts,
): Partial<KindDeclaration<CustomObject>> => ({
  statusSubresource: hasStatus,
  statusIsDesired: !hasStatus,
  decode: (value) => decode(rules, value),
  applyDefaults: (object) => setDefaults(object as Json, rules.root),
  load: () => rules.load(),
  prepareForCreate: (object) => {
    if (definition()?.metadata.deletionTimestamp) throw refusedCreate(stored)
    if (hasStatus) delete object['status']
  },
  warnings: finalizerWarnings,
  validate: (object, old) => rules.validate(object, old),
  validateStatusUpdate: (object, old) => rules.validateStatus(object, old),
})

const finalizerWarnings = ({ metadata }: CustomObject, old?: CustomObject): string[] =>
  (metadata.finalizers ?? [])
    .filter((name) => !isQualifiedFinalizer(name) && !old?.metadata.finalizers?.includes(name))
    .sort()
    .map(
      (name) =>
        `metadata.finalizers: ${JSON.stringify(name)}: prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers`,
    )

const refusedCreate = ({ group, plural }: AnyKind): StatusError =>
  new StatusError(
    405,
    'MethodNotAllowed',
    'create not allowed while custom resource definition is terminating',
    { group, kind: plural },
  )

const decode = (rules: CustomRules, value: Json): CheckedFields => {
  const copy = deepCopy(value) as { [key: string]: Json }
  const { metadata } = copy
  const faults: string[] = []
  const typeErrors: string[] = []
  if (metadata !== undefined && metadata !== null) {
    const checked = checkFields('V1ObjectMeta', metadata)
    copy['metadata'] = checked.object
    for (const fault of checked.unknownFields)
      faults.push(fault.replace('unknown field "', 'unknown field "metadata.'))
    typeErrors.push(...checked.typeErrors)
  } else delete copy['metadata']
  const settled = rules.settle(copy)
  faults.push(...settled.unknown)
  for (const { field, message } of settled.faults) typeErrors.push(`${field}: ${message}`)
  return { object: copy, unknownFields: faults, typeErrors }
}

interface FormParts {
  /** The apiVersion of this form. */
  own: string
  /** The apiVersion that is stored. */
  target: string
  stored: AnyKind
  rules: CustomRules
  convert: Converter | undefined
}

const formOf = ({ own, target, stored, rules, convert }: FormParts): StoredAs => {
  const shown = new WeakMap<KubernetesObject, KubernetesObject>()
  /** Objects may be older than the schema: what they read as obeys it. */
  const settled = (object: KubernetesObject): KubernetesObject => {
    if (isSettled(object as unknown as Json, rules.root, rules.root.preservesUnknown)) return object
    const copy = deepCopy(object) as CustomObject
    setManagers(copy, managersOf(object))
    rules.settle(copy)
    setDefaults(copy, rules.root)
    return copy
  }
  const renamed = (object: KubernetesObject, apiVersion: string): KubernetesObject =>
    object.apiVersion === apiVersion ? object : { ...object, apiVersion }
  const show = (object: KubernetesObject): KubernetesObject | undefined => {
    const known = shown.get(object)
    if (known) return known
    if (convert && object.apiVersion !== own) return undefined
    const form = settled(renamed(object, own))
    shown.set(object, form)
    return form
  }
  const convertAll = async (objects: readonly KubernetesObject[], ask: Converter) => {
    const foreign = [...new Set(objects.filter((object) => show(object) === undefined))]
    const converted = await ask(foreign, own)
    foreign.forEach((object, at) => {
      shown.set(object, settled(converted[at]!))
    })
    return objects.map((object) => show(object)!)
  }
  return {
    kind: stored,
    show,
    showAll: (objects) => {
      const forms = objects.map(show)
      if (!convert || forms.every((form) => form !== undefined)) return forms as KubernetesObject[]
      return convertAll(objects, convert)
    },
    store: (object) => {
      if (object.apiVersion === target || !convert) return renamed(object, target)
      return convert([object], target).then(([converted]) => converted!)
    },
  }
}

type Read = (object: CustomObject) => Json | undefined

const readAt = (path: string): Read => {
  let find: ReturnType<typeof parseJsonPath> | null = null
  return (object) => {
    find ??= parseJsonPath(path) ?? undefined
    return find?.(object)[0]
  }
}

const columnsOf = ({ additionalPrinterColumns }: DefinitionVersion): Column<CustomObject>[] => {
  const name = nameColumn as unknown as Column<CustomObject>
  if (!additionalPrinterColumns?.length) return [name, { ...ageColumn, type: 'date' } as never]
  return [
    name,
    ...additionalPrinterColumns.map((column): Column<CustomObject> => {
      const { type, format, description, priority } = column
      const { jsonPath } = column
      const read = readAt(jsonPath)
      return {
        name: column.name,
        type: type as Column<CustomObject>['type'],
        ...(format ? { format } : {}),
        description:
          description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
        priority: (priority ?? 0) as 0 | 1,
        value: (object, now) => cellOf(type, read(object), now) as string,
      }
    }),
  ]
}

/** A cell as Kubernetes prints it; null where the value is missing or of another type. */
const cellOf = (type: string, value: Json | undefined, now: number): Json => {
  if (value === undefined) return null
  switch (type) {
    case 'string':
      return typeof value === 'object' && value !== null
        ? JSON.stringify(value)
        : String(value ?? '<nil>')
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null
    case 'number':
      return typeof value === 'number' ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : null
    case 'date':
      if (typeof value !== 'string') return null
      return Number.isNaN(Date.parse(value)) ? '<invalid>' : age(value, now)
    default:
      return null
  }
}

const selectable = ({
  selectableFields,
}: DefinitionVersion): Pick<KindDeclaration<CustomObject>, 'selectableFields'> =>
  selectableFields?.length
    ? {
        selectableFields: Object.fromEntries(
          selectableFields.map(({ jsonPath }) => {
            const read = readAt(jsonPath)
            return [
              jsonPath.replace(/^\./, ''),
              (object: CustomObject) => {
                const value = read(object)
                return value === undefined || value === null ? '' : String(value)
              },
            ]
          }),
        ),
      }
    : {}
