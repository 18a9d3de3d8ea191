/**
 * CustomResourceDefinition for the test of every kind.
 */
import { CustomResourceDefinition } from '../../../src/api/apiextensions/custom-resource-definition.ts'
import type { KindCase, LooseObject } from '../kind-case.ts'

const REQUIRED = 'FieldValueRequired'
const INVALID = 'FieldValueInvalid'

const schemaOf = ({ spec }: LooseObject): LooseObject => spec.versions[0].schema.openAPIV3Schema

export const cases: KindCase = {
  kind: CustomResourceDefinition,
  minimal: {
    metadata: { name: 'cases.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Cluster',
      names: { plural: 'cases', kind: 'Case' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object' } },
        },
      ],
    },
  },
  defaults: {
    spec: {
      names: { singular: 'case', listKind: 'CaseList' },
      conversion: { strategy: 'None' },
    },
    status: { storedVersions: ['v1'] },
  },
  bad: [
    {
      name: 'no names',
      change: (definition) => {
        definition.spec.names = { plural: 'cases', kind: '' }
      },
      causes: [
        { field: 'spec.names.singular', reason: REQUIRED },
        { field: 'spec.names.kind', reason: REQUIRED },
        { field: 'spec.names.listKind', reason: REQUIRED },
      ],
    },
    {
      name: 'another name',
      change: (definition) => {
        definition.metadata.name = 'others.example.com'
      },
      causes: [
        {
          field: 'metadata.name',
          reason: INVALID,
          message: 'Invalid value: "others.example.com": must be spec.names.plural+"."+spec.group',
        },
      ],
    },
    {
      name: 'a schema that is not structural',
      change: (definition) => {
        schemaOf(definition).properties = { spec: { properties: { a: { type: 'string' } } } }
      },
      causes: [
        {
          field: 'spec.validation.openAPIV3Schema.properties[spec].type',
          reason: REQUIRED,
          message: 'Required value: must not be empty for specified object fields',
        },
      ],
    },
    {
      name: 'two versions to store',
      change: (definition) => {
        definition.spec.versions.push({ ...definition.spec.versions[0], name: 'v2' })
      },
      causes: [
        {
          field: 'spec.versions',
          reason: INVALID,
          message: /must have exactly one version marked as storage version$/,
        },
      ],
    },
  ],
  change: (definition) => {
    schemaOf(definition).properties = { spec: { type: 'string' } }
  },
  isComplete: ({ status }) =>
    status.conditions?.some(
      ({ type, status: is }: LooseObject) => type === 'Established' && is === 'True',
    ),
  cells: ['cases.example.com', /^\d{4}-/],
}
