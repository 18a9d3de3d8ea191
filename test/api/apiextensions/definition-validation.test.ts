/**
 * What definitions may say: paths and words are Kubernetes'.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CustomResourceDefinition } from '../../../src/api/apiextensions/custom-resource-definition.ts'
import { validateDefinition } from '../../../src/api/apiextensions/definition-validation.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests write what types forbid
type Loose = any

const valid = (): Loose => ({
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
    conversion: { strategy: 'None' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', properties: { size: { type: 'string' } } } },
          },
        },
      },
    ],
  },
  status: { storedVersions: ['v1'] },
})

const faults = (change: (definition: Loose) => void, old?: Loose): string[] => {
  const definition = valid()
  change(definition)
  return validateDefinition(definition as CustomResourceDefinition, old).map(
    ({ field, message }) => `${field}: ${message}`,
  )
}

const SCHEMA = 'spec.validation.openAPIV3Schema'
const SIZE = `${SCHEMA}.properties[spec].properties[size]`
const schemaOf = ({ spec }: Loose): Loose => spec.versions[0].schema.openAPIV3Schema
const specOf = (definition: Loose): Loose => schemaOf(definition).properties.spec
const rulesOf = (definition: Loose, ...rules: object[]): void => {
  specOf(definition)['x-kubernetes-validations'] = rules
}

test('a valid definition has no faults', () =>
  assert.equal(
    faults(() => {}),
    [],
  ))

const CASES: [name: string, change: (definition: Loose) => void, faults: string[]][] = [
  [
    'the name is made of plural and group',
    ({ metadata }) => {
      metadata.name = 'other'
    },
    ['metadata.name: Invalid value: "other": must be spec.names.plural+"."+spec.group'],
  ],
  [
    'a group is a domain',
    (definition) => {
      definition.spec.group = 'example'
      definition.metadata.name = 'widgets.example'
    },
    ['spec.group: Invalid value: "example": should be a domain with at least one dot'],
  ],
  [
    'scopes are two',
    ({ spec }) => {
      spec.scope = 'Everywhere'
    },
    ['spec.scope: Unsupported value: "Everywhere": supported values: "Cluster", "Namespaced"'],
  ],
  [
    'every version has a schema',
    ({ spec }) => {
      delete spec.versions[0].schema
    },
    ['spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required'],
  ],
  [
    'a field has a type',
    (definition) => {
      specOf(definition).properties.size = {}
    },
    [`${SIZE}.type: Required value: must not be empty for specified object fields`],
  ],
  [
    'a junctor speaks of declared fields only, and not of types',
    (definition) => {
      specOf(definition).anyOf = [{ properties: { other: { type: 'string' } } }]
    },
    [
      `${SCHEMA}.properties[spec].anyOf[0].properties[other].type: Forbidden: must be empty to be structural`,
      `${SCHEMA}.properties[spec].properties[other]: Required value: because it is defined in ${SCHEMA}.properties[spec].anyOf[0].properties[other]`,
    ],
  ],
  [
    'an array has items',
    (definition) => {
      specOf(definition).properties.size = { type: 'array' }
    },
    [`${SIZE}.items: Required value: must be specified`],
  ],
  [
    'a pattern is a regular expression',
    (definition) => {
      specOf(definition).properties.size.pattern = '('
    },
    [
      `${SIZE}.pattern: Invalid value: "(": must be a valid regular expression, but isn't: error parsing regexp: missing closing ): \`(\``,
    ],
  ],
  [
    'a default fits its schema',
    (definition) => {
      specOf(definition).properties.size.default = 1
    },
    [`${SIZE}.default: Invalid value: "integer":  in body must be of type string: "integer"`],
  ],
  [
    'a default has no unknown fields',
    (definition) => {
      specOf(definition).default = { size: 'x', other: 1 }
    },
    [
      `${SCHEMA}.properties[spec].default: Invalid value: {"size":"x","other":1}: must not have unknown fields`,
    ],
  ],
  [
    'keys of a list are required or have defaults',
    (definition) => {
      specOf(definition).properties.size = {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
        items: { type: 'object', properties: { k: { type: 'string' } } },
      }
    },
    [
      `${SIZE}.items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`,
    ],
  ],
  [
    'properties exclude additional ones',
    (definition) => {
      specOf(definition).additionalProperties = { type: 'string' }
    },
    [
      `${SCHEMA}.properties[spec].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`,
    ],
  ],
  [
    'a rule compiles',
    (definition) => rulesOf(definition, { rule: 'self.nothing > 1' }),
    [
      `${SCHEMA}.properties[spec].x-kubernetes-validations[0].rule: Invalid value: {"Rule":"self.nothing > 1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:5: undefined field 'nothing'\n | self.nothing > 1\n | ....^`,
    ],
  ],
  [
    'a rule gives true or false',
    (definition) => rulesOf(definition, { rule: '1' }),
    [
      `${SCHEMA}.properties[spec].x-kubernetes-validations[0].rule: Invalid value: {"Rule":"1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: cel expression must evaluate to a bool`,
    ],
  ],
  [
    'a rule names a field that is there',
    (definition) => rulesOf(definition, { rule: 'true', fieldPath: '.nothing' }),
    [
      `${SCHEMA}.properties[spec].x-kubernetes-validations[0].fieldPath: Invalid value: ".nothing": fieldPath must be a valid path`,
    ],
  ],
  [
    'an old value can be found again',
    (definition) => {
      specOf(definition).properties.size = {
        type: 'array',
        maxItems: 3,
        items: {
          type: 'string',
          maxLength: 10,
          'x-kubernetes-validations': [{ rule: 'self == oldSelf' }],
        },
      }
    },
    [
      `${SIZE}.items.x-kubernetes-validations[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within ${SIZE}`,
    ],
  ],
  [
    'columns have a type and a path',
    ({ spec }) => {
      spec.versions[0].additionalPrinterColumns = [{ name: 'A', type: 'text', jsonPath: 'x' }]
    },
    [
      'spec.additionalPrinterColumns[0].type: Invalid value: "text": must be one of boolean,date,integer,number,string',
      'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "x": must be a simple json path starting with .',
    ],
  ],
  [
    'a scale points into spec and status',
    ({ spec }) => {
      spec.versions[0].subresources = {
        scale: { specReplicasPath: '.status.n', statusReplicasPath: '' },
      }
    },
    [
      'spec.subresources.scale.specReplicasPath: Invalid value: ".status.n": should be a json path under .spec',
      'spec.subresources.scale.statusReplicasPath: Required value',
    ],
  ],
  [
    'a field to select by is a scalar',
    ({ spec }) => {
      spec.versions[0].selectableFields = [{ jsonPath: '.spec' }, { jsonPath: '.spec.none' }]
    },
    [
      'spec.selectableFields[0].jsonPath: Invalid value: ".spec": must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
      'spec.selectableFields[1].jsonPath: Invalid value: ".spec.none": is an invalid path: does not refer to a valid field',
    ],
  ],
  [
    'a webhook has an address and versions',
    ({ spec }) => {
      spec.conversion = { strategy: 'Webhook', webhook: { clientConfig: {} } }
    },
    [
      'spec.conversion.webhookClientConfig: Required value: exactly one of url or service is required',
      'spec.conversion.conversionReviewVersions: Required value',
    ],
  ],
  [
    'a warning is for deprecated versions',
    ({ spec }) => {
      spec.versions[0].deprecationWarning = 'old'
    },
    [
      'spec.versions[0].deprecationWarning: Invalid value: "old": can only be set for deprecated versions',
    ],
  ],
  [
    'unknown fields are preserved by the schema alone',
    ({ spec }) => {
      spec.preserveUnknownFields = true
    },
    [
      'spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
    ],
  ],
]

for (const [name, change, expected] of CASES)
  test(name, () => assert.equal(faults(change), expected))

test('versions that differ are spoken of one by one', () => {
  const found = faults(({ spec }) => {
    const schema = { type: 'object', properties: { spec: {} } }
    const second = { name: 'v2', served: true, storage: false, schema: { openAPIV3Schema: schema } }
    spec.versions.push(second)
  })
  assert.equal(found, [
    'spec.versions[1].schema.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields',
  ])
})

test('group, plural, and of an established one scope and kind, never change', () => {
  const old = valid()
  old.status.conditions = [{ type: 'Established', status: 'True' }]
  const found = faults(({ spec }) => {
    spec.scope = 'Cluster'
    spec.names.kind = 'Gadget'
  }, old)
  assert.equal(found, [
    'spec.scope: Invalid value: "Cluster": field is immutable',
    'spec.names.kind: Invalid value: "Gadget": field is immutable',
  ])
})

test('a version that objects are stored in stays', () => {
  const found = faults(({ status }) => {
    status.storedVersions = ['v0', 'v1']
  })
  assert.match(found[0]!, /^status\.storedVersions\[0\]: Invalid value: "v0": missing from spec/)
})

test('rules that may cost too much are refused', () => {
  const found = faults((definition) => {
    const list = { type: 'array', items: { type: 'string' } }
    specOf(definition).properties.list = list
    rulesOf(definition, { rule: 'self.list.all(x, self.list.exists(y, x == y))' })
  })
  assert.match(
    found[0]!,
    /rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x/,
  )
})

test.run()
