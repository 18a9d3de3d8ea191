/**
 * ConfigMap for the test of every kind.
 */
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: ConfigMap,
  minimal: { metadata: { name: 'settings' } },
  defaults: { metadata: { name: 'settings', namespace: 'default' } },
  bad: [
    {
      name: 'a key that is no file name',
      change: (configMap) => {
        configMap.data = { 'a/b': 'c' }
      },
      causes: [
        {
          field: 'data[a/b]',
          reason: 'FieldValueInvalid',
          message: /^Invalid value: "a\/b": a valid config key must consist of/,
        },
      ],
    },
    {
      name: 'one key as text and as bytes',
      change: (configMap) => {
        configMap.data = { a: 'b' }
        configMap.binaryData = { a: 'Yg==' }
      },
      causes: [{ field: 'data[a]', reason: 'FieldValueInvalid' }],
    },
    {
      name: 'a name with capitals',
      change: (configMap) => {
        configMap.metadata.name = 'Settings'
      },
      causes: [{ field: 'metadata.name', reason: 'FieldValueInvalid' }],
    },
  ],
  change: (configMap) => {
    configMap.data = { a: 'b' }
  },
  cells: ['settings', 0],
}
