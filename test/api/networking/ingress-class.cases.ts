/**
 * IngressClass for the test of every kind.
 */
import { IngressClass } from '../../../src/api/networking/ingress-class.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: IngressClass,
  minimal: {
    metadata: { name: 'nginx' },
    spec: {
      controller: 'example.com/ingress',
      parameters: { kind: 'Settings', name: 'default' },
    },
  },
  defaults: { spec: { parameters: { scope: 'Cluster' } } },
  bad: [
    {
      name: 'a controller that is no path below a domain',
      change: (ingressClass) => {
        ingressClass.spec.controller = 'nginx'
      },
      causes: [
        {
          field: 'spec.controller',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "nginx": must be a domain-prefixed path (such as "acme.io/foo")',
        },
      ],
    },
    {
      name: 'parameters in a namespace that is not named',
      change: (ingressClass) => {
        ingressClass.spec.parameters = { kind: '', name: 'a/b', scope: 'Namespace' }
      },
      causes: [
        { field: 'spec.parameters.kind', reason: 'FieldValueRequired' },
        { field: 'spec.parameters.name', reason: 'FieldValueInvalid' },
        {
          field: 'spec.parameters.namespace',
          reason: 'FieldValueRequired',
          message: "Required value: `parameters.scope` is set to 'Namespace'",
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'its controller',
      change: (ingressClass) => {
        ingressClass.spec.controller = 'example.com/other'
      },
      causes: [
        {
          field: 'spec.controller',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "example.com/other": field is immutable',
        },
      ],
    },
  ],
  change: (ingressClass) => {
    ingressClass.spec.parameters.name = 'other'
  },
  cells: ['nginx', 'example.com/ingress', 'Settings/default'],
}
