/**
 * CustomResourceDefinition: a kind that the cluster learns at run time.
 *
 * Spec is the user's, status the apiserver's, which accepts names and serves the kind (`custom-resources/` of
 * the apiserver). What only writes need (`validate`) is loaded with the first of them.
 */
import type { V1CustomResourceDefinition } from '@kubernetes/client-node'
import { timestamp } from '../../std/clock.ts'
import { carryField } from '../carry-field.ts'
import { createdAtColumn, nameColumn } from '../core/columns.ts'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import type { FieldError } from '../status-error.ts'
import { decodeDefinition } from './definition-decoding.ts'
import { deletionBegun } from './definition-status.ts'

export type CustomResourceDefinition = WireObject<V1CustomResourceDefinition>

export type DefinitionSpec = CustomResourceDefinition['spec']
export type DefinitionVersion = DefinitionSpec['versions'][number]
export type DefinitionNames = DefinitionSpec['names']
export type DefinitionStatus = NonNullable<CustomResourceDefinition['status']>
export type DefinitionCondition = NonNullable<DefinitionStatus['conditions']>[number]

type Validation = typeof import('./definition-validation.ts')

let validation: Validation | undefined

const applyDefaults = ({ spec }: CustomResourceDefinition): void => {
  if (!spec) return
  spec.conversion ??= { strategy: 'None' }
  const { names } = spec
  if (names) {
    names.singular ??= names.kind?.toLowerCase() ?? ''
    if (!names.listKind && names.kind) names.listKind = `${names.kind}List`
  }
  const service = spec.conversion.webhook?.clientConfig?.service
  if (service) service.port ??= 443
}

/** The names without schemas: what the controllers look at. */
const digest = (definition: CustomResourceDefinition): CustomResourceDefinition => {
  const { apiVersion, kind, metadata, spec, status } = definition
  const { managedFields: _, annotations: _notes, ...rest } = metadata
  return {
    apiVersion,
    kind,
    metadata: rest,
    spec: {
      group: spec.group,
      names: spec.names,
      scope: spec.scope,
      versions: spec.versions.map(({ name, served, storage }) => ({ name, served, storage })),
    },
    ...(status ? { status } : {}),
  }
}

const withStorageVersions = (
  stored: readonly string[],
  { spec }: CustomResourceDefinition,
): string[] => {
  const now = (spec?.versions ?? []).filter((version) => version.storage).map(({ name }) => name)
  return [...new Set([...stored, ...now])]
}

const check = (run: (rules: Validation) => FieldError[]): FieldError[] =>
  validation ? run(validation) : []

export const CustomResourceDefinition = defineKind<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  singular: 'customresourcedefinition',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  model: 'V1CustomResourceDefinition',
  statusSubresource: true,
  tracksGeneration: true,
  needsRevision: true,
  load: async () => {
    validation ??= await import('./definition-validation.ts')
  },
  decode: decodeDefinition,
  digest,
  // Hundreds of them are common, of tens of kilobytes each, and hardly anybody reads them.
  restingField: 'spec',
  recentBytesMax: 1024 * 1024,
  applyDefaults,
  prepareForCreate: (definition) => {
    definition.status = { storedVersions: withStorageVersions([], definition) } as DefinitionStatus
  },
  prepareForUpdate: (definition, old) => {
    carryField(definition, old, 'status')
    const before = old.status?.storedVersions ?? []
    const storedVersions = withStorageVersions(before, definition)
    if (storedVersions.length > before.length)
      definition.status = { ...(definition.status as DefinitionStatus), storedVersions }
  },
  prepareForStatusUpdate: (definition, old) => {
    carryField(definition, old, 'spec')
  },
  prepareForDelete: (definition, { now }) => deletionBegun(definition, timestamp(now)),
  validate: (definition, old) => check((rules) => rules.validateDefinition(definition, old)),
  validateStatusUpdate: (definition) =>
    check((rules) => rules.validateDefinitionStatus(definition)),
  columns: [nameColumn, createdAtColumn],
})
