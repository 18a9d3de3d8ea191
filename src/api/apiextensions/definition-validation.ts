/**
 * What a CustomResourceDefinition must satisfy (Kubernetes' `apiextensions/validation/validation.go`).
 *
 * Order and wording are Kubernetes', and so are the paths: what all versions have in common (a single version
 * with itself, too) is spoken of as `spec.validation`, `spec.subresources` … Schemas are `schema-rules.ts`.
 */
import { deepEqual } from '../equality.ts'
import type { Json } from '../meta.ts'
import { dns1035LabelErrors, dns1123SubdomainErrors } from '../names.ts'
import { type FieldError, invalidField, requiredField, unsupportedField } from '../status-error.ts'
import { validateConversion } from './conversion-rules.ts'
import type {
  CustomResourceDefinition,
  DefinitionNames,
  DefinitionSpec,
  DefinitionStatus,
  DefinitionVersion,
} from './custom-resource-definition.ts'
import {
  APPROVAL_ANNOTATION,
  approvalOf,
  isEstablished,
  isProtectedGroup,
} from './definition-status.ts'
import type { ScalePaths } from './scale-paths.ts'
import {
  validateColumn,
  validateDeprecation,
  validateSchemaOf,
  validateSelectable,
  validateSubresources,
} from './version-rules.ts'

export const validateDefinition = (
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] => {
  const { metadata, status } = definition
  const spec = definition.spec ?? ({} as DefinitionSpec)
  const errors: FieldError[] = []
  const required = `${spec.names?.plural ?? ''}.${spec.group ?? ''}`
  if (!old && metadata.name !== required)
    errors.push(
      invalidField('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group'),
    )
  errors.push(...validateSpec(spec, old))
  if (old) errors.push(...immutableFaults(spec, old))
  errors.push(...nameFaults(status?.acceptedNames, 'status.acceptedNames'))
  errors.push(...storedVersionFaults(status, spec))
  errors.push(...approvalFaults(definition, old))
  if (spec.preserveUnknownFields === true && old?.spec.preserveUnknownFields !== true)
    errors.push(
      invalidField(
        'spec.preserveUnknownFields',
        true,
        'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
      ),
    )
  return errors
}

export const validateDefinitionStatus = ({ status }: CustomResourceDefinition): FieldError[] =>
  nameFaults(status?.acceptedNames, 'status.acceptedNames')

const SCOPES = ['Cluster', 'Namespaced']

const validateSpec = (
  spec: DefinitionSpec,
  old: CustomResourceDefinition | undefined,
): FieldError[] => {
  const errors: FieldError[] = []
  const { group = '', scope = '' } = spec
  const versions = spec.versions ?? []
  if (!group) errors.push(requiredField('spec.group'))
  else {
    const faults = dns1123SubdomainErrors(group)
    if (faults.length > 0) errors.push(invalidField('spec.group', group, faults.join(',')))
    else if (!group.includes('.'))
      errors.push(invalidField('spec.group', group, 'should be a domain with at least one dot'))
  }
  if (!scope) errors.push(requiredField('spec.scope'))
  else if (!SCOPES.includes(scope)) errors.push(unsupportedField('spec.scope', scope, SCOPES))
  for (const [at, { schema }] of versions.entries())
    if (!schema?.openAPIV3Schema)
      errors.push(
        requiredField(`spec.versions[${at}].schema.openAPIV3Schema`, 'schemas are required'),
      )
  errors.push(...versionFaults(versions))
  const names = spec.names ?? ({} as DefinitionNames)
  for (const field of ['plural', 'singular', 'kind', 'listKind'] as const)
    if (!names[field]) errors.push(requiredField(`spec.names.${field}`))
  errors.push(...nameFaults(names, 'spec.names'))
  errors.push(...commonFaults(versions))
  errors.push(...validateConversion(spec, old))
  return errors
}

/** What all versions have alike is said of the whole, of the others one by one. */
const PARTS = ['schema', 'subresources', 'additionalPrinterColumns', 'selectableFields'] as const
type Part = (typeof PARTS)[number]

const isCommon = (versions: readonly DefinitionVersion[], part: Part): boolean =>
  versions.every((version) => deepEqual(version[part], versions[0]?.[part]))

const hasStatus = ({ subresources }: DefinitionVersion): boolean =>
  subresources?.status !== undefined

const versionFaults = (versions: readonly DefinitionVersion[]): FieldError[] => {
  const errors: FieldError[] = []
  const separate = new Set(PARTS.filter((part) => !isCommon(versions, part)))
  for (const [at, version] of versions.entries()) {
    const path = `spec.versions[${at}]`
    const faults = dns1035LabelErrors(version.name ?? '')
    if (faults.length > 0)
      errors.push(invalidField(`${path}.name`, version.name ?? '', faults.join(',')))
    errors.push(...validateDeprecation(version, path))
    if (separate.has('schema'))
      errors.push(...validateSchemaOf(version, hasStatus(version), `${path}.schema`))
    errors.push(...partFaults(version, (part) => separate.has(part), path))
  }
  const names = versions.map(({ name }) => name)
  if (new Set(names).size < names.length)
    errors.push(invalidField('spec.versions', versions, 'must contain unique version names'))
  if (versions.filter(({ storage }) => storage).length !== 1)
    errors.push(
      invalidField(
        'spec.versions',
        versions,
        'must have exactly one version marked as storage version',
      ),
    )
  return errors
}

/** Faults of what every version has alike. */
const commonFaults = (versions: readonly DefinitionVersion[]): FieldError[] => {
  const [first] = versions
  if (!first) return []
  const errors: FieldError[] = []
  if (isCommon(versions, 'schema'))
    errors.push(...validateSchemaOf(first, versions.some(hasStatus), 'spec.validation'))
  errors.push(...partFaults(first, (part) => isCommon(versions, part), 'spec'))
  return errors
}

const partFaults = (
  version: DefinitionVersion,
  concerns: (part: Part) => boolean,
  path: string,
): FieldError[] => {
  const errors: FieldError[] = []
  if (concerns('subresources'))
    errors.push(
      ...validateSubresources(
        version.subresources?.scale as ScalePaths | undefined,
        `${path}.subresources`,
      ),
    )
  if (concerns('additionalPrinterColumns'))
    for (const [at, column] of (version.additionalPrinterColumns ?? []).entries())
      errors.push(...validateColumn(column, `${path}.additionalPrinterColumns[${at}]`))
  if (concerns('selectableFields'))
    errors.push(...validateSelectable(version, `${path}.selectableFields`))
  return errors
}

const MIXED_CASE = 'may have mixed case, but should otherwise match: '

const nameFaults = (names: Partial<DefinitionNames> | undefined, path: string): FieldError[] => {
  const errors: FieldError[] = []
  const check = (field: string, name: string, isMixed = false) => {
    const faults = dns1035LabelErrors(isMixed ? name.toLowerCase() : name).join(',')
    if (faults)
      errors.push(invalidField(`${path}.${field}`, name, (isMixed ? MIXED_CASE : '') + faults))
  }
  if (!names) return errors
  const { plural, singular, kind, listKind, shortNames = [], categories = [] } = names
  if (plural) check('plural', plural)
  if (singular) check('singular', singular)
  if (kind) check('kind', kind, true)
  if (listKind) check('listKind', listKind, true)
  for (const [at, name] of shortNames.entries()) check(`shortNames[${at}]`, name)
  if (kind && kind === listKind)
    errors.push(invalidField(`${path}.listKind`, listKind, 'kind and listKind may not be the same'))
  for (const [at, name] of categories.entries()) check(`categories[${at}]`, name)
  return errors
}

const immutableFaults = (spec: DefinitionSpec, old: CustomResourceDefinition): FieldError[] => {
  const errors: FieldError[] = []
  const keep = (field: string, now: Json, before: Json) => {
    if (now !== before) errors.push(invalidField(field, now, 'field is immutable'))
  }
  if (isEstablished(old)) {
    keep('spec.scope', spec.scope, old.spec.scope)
    keep('spec.names.kind', spec.names?.kind, old.spec.names.kind)
  }
  keep('spec.group', spec.group, old.spec.group)
  keep('spec.names.plural', spec.names?.plural, old.spec.names.plural)
  return errors
}

const storedVersionFaults = (
  status: Partial<DefinitionStatus> | undefined,
  spec: DefinitionSpec,
): FieldError[] => {
  const path = 'status.storedVersions'
  const stored = status?.storedVersions ?? []
  if (stored.length === 0)
    return [invalidField(path, stored, 'must have at least one stored version')]
  const errors: FieldError[] = []
  const versions = spec.versions ?? []
  for (const { name, storage } of versions)
    if (storage && !stored.includes(name))
      errors.push(invalidField(path, stored, `must have the storage version ${name}`))
  for (const [at, name] of stored.entries())
    if (!versions.some((version) => version.name === name))
      errors.push(
        invalidField(
          `${path}[${at}]`,
          name,
          `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
        ),
      )
  return errors
}

const approvalFaults = (
  { metadata, spec }: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] => {
  if (!isProtectedGroup(spec?.group ?? '')) return []
  const { state, reason } = approvalOf(metadata.annotations)
  if (old && approvalOf(old.metadata.annotations).state === state) return []
  const path = `metadata.annotations[${APPROVAL_ANNOTATION}]`
  if (state === 'missing') return [requiredField(path, reason)]
  if (state === 'invalid')
    return [invalidField(path, metadata.annotations?.[APPROVAL_ANNOTATION], reason)]
  return []
}
