/**
 * What models are called in OpenAPI documents: `io.k8s.api.apps.v1.Deployment`.
 *
 * A model belongs to apimachinery when it is listed here, otherwise to the first group that reaches it, the core
 * group first. Names are those of Kubernetes' own documents: kubectl and client generators look them up.
 */
import { assert } from '../../std/assert.ts'
import type { AnyKind } from '../kind.ts'
import { type FieldType, goNameOf, hasSchema, schemaOf } from '../schema.ts'

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1'
const EXTENSIONS = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1'

/** Types that are written as definitions though they are scalars on the wire. */
export const SCALAR_DEFINITIONS = {
  time: `${META}.Time`,
  microTime: `${META}.MicroTime`,
  intOrString: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  any: 'io.k8s.apimachinery.pkg.runtime.RawExtension',
} as const

/** `Model.field` of any JSON that Kubernetes has a name of its own for. */
export const NAMED_JSON: Readonly<Record<string, string>> = {
  'V1CustomResourceSubresources.status': `${EXTENSIONS}.CustomResourceSubresourceStatus`,
  'V1JSONSchemaProps.default': `${EXTENSIONS}.JSON`,
  'V1JSONSchemaProps.dependencies': `${EXTENSIONS}.JSONSchemaPropsOrStringArray`,
  'V1JSONSchemaProps.enum': `${EXTENSIONS}.JSON`,
  'V1JSONSchemaProps.example': `${EXTENSIONS}.JSON`,
  'V1JSONSchemaProps.additionalItems': `${EXTENSIONS}.JSONSchemaPropsOrBool`,
  'V1JSONSchemaProps.additionalProperties': `${EXTENSIONS}.JSONSchemaPropsOrBool`,
  'V1JSONSchemaProps.items': `${EXTENSIONS}.JSONSchemaPropsOrArray`,
  'V1ManagedFieldsEntry.fieldsV1': `${META}.FieldsV1`,
}

/** Models that requests and answers carry besides the kinds' own, with their group and version. */
export const SHARED_MODELS: readonly { model: string; group: string; version: string }[] = [
  { model: 'V1APIGroup', group: '', version: 'v1' },
  { model: 'V1APIGroupList', group: '', version: 'v1' },
  { model: 'V1APIResourceList', group: '', version: 'v1' },
  { model: 'V1APIVersions', group: '', version: 'v1' },
  { model: 'V1DeleteOptions', group: '', version: 'v1' },
  { model: 'V1Status', group: '', version: 'v1' },
  { model: 'V1Binding', group: '', version: 'v1' },
  { model: 'V1Scale', group: 'autoscaling', version: 'v1' },
  { model: 'V1Eviction', group: 'policy', version: 'v1' },
  { model: 'AuthenticationV1TokenRequest', group: 'authentication.k8s.io', version: 'v1' },
]

const META_MODELS: ReadonlySet<string> = new Set([
  'V1APIGroup',
  'V1APIGroupList',
  'V1APIResource',
  'V1APIResourceList',
  'V1APIVersions',
  'V1GroupVersionForDiscovery',
  'V1ServerAddressByClientCIDR',
  'V1Condition',
  'V1DeleteOptions',
  'V1FieldSelectorRequirement',
  'V1LabelSelector',
  'V1LabelSelectorRequirement',
  'V1ListMeta',
  'V1ManagedFieldsEntry',
  'V1ObjectMeta',
  'V1OwnerReference',
  'V1Preconditions',
  'V1ShardInfo',
  'V1Status',
  'V1StatusCause',
  'V1StatusDetails',
])

export type DefinitionNames = ReadonlyMap<string, string>

/** A custom kind's definition is its own model: `com.example.stable.v1.CronTab`. */
export const modelOf = ({ schema, group, version, kind, model }: AnyKind): string =>
  schema ? `${group.split('.').reverse().join('.')}.${version}.${kind}` : model

export const listModelOf = (kind: AnyKind): string => `${modelOf(kind)}List`

/** What documents of custom kinds refer to besides them. */
export const MODELS_OF_CUSTOM_KINDS = [
  'V1APIResourceList',
  'V1DeleteOptions',
  'V1ListMeta',
  'V1ObjectMeta',
  'V1Scale',
  'V1Status',
]

/** The names that documents of custom kinds need. */
export const customDefinitionNames = (kinds: readonly AnyKind[]): DefinitionNames =>
  new Map([
    ...MODELS_OF_CUSTOM_KINDS.map((model): [string, string] => [
      model,
      model === 'V1Scale' ? 'io.k8s.api.autoscaling.v1.Scale' : `${META}.${goNameOf(model)}`,
    ]),
    ...kinds.flatMap((kind): [string, string][] => [
      [modelOf(kind), modelOf(kind)],
      [listModelOf(kind), listModelOf(kind)],
    ]),
  ])

/** Model → definition name, for every model the kinds and `SHARED_MODELS` reach. */
export const definitionNames = (kinds: readonly AnyKind[]): DefinitionNames => {
  const names = new Map<string, string>()
  // they belong to the core group, though kinds of others hold them
  for (const model of OF_CORE) if (hasSchema(model)) nameReachable(model, '', 'v1', names)
  for (const { model, group, version, isVirtual, isComputed } of byGroup(kinds))
    for (const root of isVirtual && !isComputed ? [model] : [model, `${model}List`])
      nameReachable(root, group, version, names)
  for (const { model, group, version } of SHARED_MODELS) nameReachable(model, group, version, names)
  return names
}

/** The definition of `model`; it is a defect to ask for one that was not reached. */
export const definitionName = (names: DefinitionNames, model: string): string => {
  const name = names.get(model)
  assert(name, `no definition name for ${model}`)
  return name
}

/** Models that a value of `type` holds directly. */
const modelOfType = (type: FieldType): string | undefined => {
  if (type.shape === 'model') return type.model
  return type.shape === 'scalar' ? undefined : modelOfType(type.of)
}

/** `roots` and every model they reach, in the order they are found. */
export const reachableModels = (roots: readonly string[]): Set<string> => {
  const found = new Set<string>()
  const pending = [...roots]
  for (let model = pending.pop(); model; model = pending.pop()) {
    if (found.has(model)) continue
    found.add(model)
    for (const { type } of schemaOf(model).fields.values()) {
      const held = modelOfType(type)
      if (held) pending.push(held)
    }
  }
  return found
}

const OF_CORE = ['V1PodTemplateSpec', 'V1TopologySelectorTerm']

/** Groups whose types do not live in a package of their first word. */
const PACKAGES: Readonly<Record<string, string>> = {
  '': 'io.k8s.api.core',
  'apiextensions.k8s.io': 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  'apiregistration.k8s.io': 'io.k8s.kube-aggregator.pkg.apis.apiregistration',
}

/** The core group first: its types are shared by the others. */
const byGroup = (kinds: readonly AnyKind[]) =>
  [...kinds].sort((one, other) => Number(one.group !== '') - Number(other.group !== ''))

const nameReachable = (
  root: string,
  group: string,
  version: string,
  names: Map<string, string>,
): void => {
  const prefix = `${PACKAGES[group] ?? `io.k8s.api.${group.split('.', 1)[0]}`}.${version}`
  for (const model of reachableModels([root]))
    if (!names.has(model))
      names.set(model, `${META_MODELS.has(model) ? META : prefix}.${goNameOf(model)}`)
}
