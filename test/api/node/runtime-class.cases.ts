/**
 * RuntimeClass for the test of every kind.
 */
import { RuntimeClass } from '../../../src/api/node/runtime-class.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: RuntimeClass,
  minimal: { metadata: { name: 'gvisor' }, handler: 'runsc' },
  defaults: { handler: 'runsc' },
  bad: [
    {
      name: 'no handler',
      change: (runtimeClass) => {
        runtimeClass.handler = ''
      },
      causes: [{ field: 'handler', reason: 'FieldValueRequired' }],
    },
    {
      name: 'an overhead of nothing known and a toleration twice',
      change: (runtimeClass) => {
        runtimeClass.handler = 'a.b'
        runtimeClass.overhead = { podFixed: { cpu: '-1' } }
        const toleration = { key: 'a', operator: 'Exists' }
        runtimeClass.scheduling = { tolerations: [toleration, toleration] }
      },
      causes: [
        {
          field: 'handler',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "a.b": must not contain dots',
        },
        { field: 'overhead.limits[cpu]', reason: 'FieldValueInvalid' },
        { field: 'scheduling.tolerations[1]', reason: 'FieldValueDuplicate' },
      ],
    },
  ],
  immutable: [
    {
      name: 'its handler',
      change: (runtimeClass) => {
        runtimeClass.handler = 'runc'
      },
      causes: [
        {
          field: 'handler',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "runc": field is immutable',
        },
      ],
    },
  ],
  change: (runtimeClass) => {
    runtimeClass.overhead = { podFixed: { memory: '64Mi' } }
  },
  cells: ['gvisor', 'runsc'],
}
