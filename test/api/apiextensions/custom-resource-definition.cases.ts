/**
 * CustomResourceDefinition for the test of every kind; the apiserver accepts its names and serves it by itself.
 */
import { CustomResourceDefinition } from '../../../src/api/apiextensions/custom-resource-definition.ts'
import type { KindCase } from '../kind-case.ts'

const schema = { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object' } } } }

export const cases: KindCase = {
  kind: CustomResourceDefinition,
  minimal: {
    metadata: { name: 'widgets.cases.example.com' },
    spec: {
      group: 'cases.example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  },
  isComplete: ({ status }) =>
    status?.conditions?.some(
      (condition: { type: string; status: string }) =>
        condition.type === 'Established' && condition.status === 'True',
    ),
  defaults: {
    metadata: { generation: 1 },
    spec: {
      conversion: { strategy: 'None' },
      names: { singular: 'widget', listKind: 'WidgetList' },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
    status: {
      storedVersions: ['v1'],
      acceptedNames: {
        plural: 'widgets',
        singular: 'widget',
        kind: 'Widget',
        listKind: 'WidgetList',
      },
      conditions: [
        {
          type: 'NamesAccepted',
          status: 'True',
          reason: 'NoConflicts',
          message: 'no conflicts found',
        },
        {
          type: 'Established',
          status: 'True',
          reason: 'InitialNamesAccepted',
          message: 'the initial names have been accepted',
        },
      ],
    },
  },
  bad: [
    {
      name: 'a name that is not made of plural and group',
      change: (definition) => {
        definition.metadata.name = 'widgets.other.example.com'
      },
      causes: [
        {
          field: 'metadata.name',
          reason: 'FieldValueInvalid',
          message:
            'Invalid value: "widgets.other.example.com": must be spec.names.plural+"."+spec.group',
        },
      ],
    },
    {
      name: 'a scope of its own and no schema',
      change: ({ spec }) => {
        spec.scope = 'Everywhere'
        delete spec.versions[0].schema
      },
      causes: [
        {
          field: 'spec.scope',
          reason: 'FieldValueNotSupported',
          message: 'Unsupported value: "Everywhere": supported values: "Cluster", "Namespaced"',
        },
        {
          field: 'spec.versions[0].schema.openAPIV3Schema',
          reason: 'FieldValueRequired',
          message: 'Required value: schemas are required',
        },
      ],
    },
    {
      name: 'two versions that are stored',
      change: ({ spec }) => {
        spec.versions.push({ name: 'v2', served: true, storage: true, schema })
      },
      causes: [
        {
          field: 'spec.versions',
          reason: 'FieldValueInvalid',
          message: /must have exactly one version marked as storage version$/,
        },
        {
          field: 'status.storedVersions',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: ["v1"]: must have the storage version v2',
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'its scope and kind',
      change: ({ spec }) => {
        spec.scope = 'Cluster'
        spec.names.kind = 'Gadget'
      },
      causes: [
        {
          field: 'spec.scope',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "Cluster": field is immutable',
        },
        {
          field: 'spec.names.kind',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "Gadget": field is immutable',
        },
      ],
    },
  ],
  change: ({ spec }) => {
    spec.versions[0].additionalPrinterColumns = [
      { name: 'Size', type: 'string', jsonPath: '.spec.size' },
    ]
  },
  cells: ['widgets.cases.example.com', /^\d{4}-\d\d-\d\dT/],
}
