/**
 * Ingress for the test of every kind.
 */
import { Ingress } from '../../../src/api/networking/ingress.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: Ingress,
  minimal: {
    metadata: { name: 'web' },
    spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
  },
  defaults: { status: { loadBalancer: {} } },
  bad: [
    {
      name: 'neither rules nor a backend',
      change: (ingress) => {
        ingress.spec = {}
      },
      causes: [
        {
          field: 'spec',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: null: either `defaultBackend` or `rules` must be specified',
        },
      ],
    },
    {
      name: 'hosts that are addresses or have stars inside',
      change: (ingress) => {
        ingress.spec.rules = [{ host: '10.0.0.1' }, { host: 'a.*.com' }]
      },
      causes: [
        {
          field: 'spec.rules[0].host',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "10.0.0.1": must be a DNS name, not an IP address',
        },
        {
          field: 'spec.rules[1].host',
          reason: 'FieldValueInvalid',
          message: /a wildcard DNS-1123 subdomain must start with '\*\.'/,
        },
      ],
    },
    {
      name: 'paths and backends that lead nowhere',
      change: (ingress) => {
        ingress.spec.rules = [
          {
            http: {
              paths: [
                { backend: {} },
                { path: 'a//b', pathType: 'Prefix', backend: {} },
                { path: '/', pathType: 'Regex', backend: { service: { name: 'web', port: {} } } },
              ],
            },
          },
        ]
      },
      causes: [
        {
          field: 'spec.rules[0].http.paths[0].pathType',
          reason: 'FieldValueRequired',
          message: 'Required value: pathType must be specified',
        },
        { field: 'spec.rules[0].http.paths[1].path', reason: 'FieldValueInvalid' },
        {
          field: 'spec.rules[0].http.paths[1].path',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "a//b": must not contain \'//\'',
        },
        {
          field: 'spec.rules[0].http.paths[1].backend',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "": resource or service backend is required',
        },
        {
          field: 'spec.rules[0].http.paths[2].pathType',
          reason: 'FieldValueNotSupported',
          message:
            'Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"',
        },
        {
          field: 'spec.rules[0].http.paths[2].backend',
          reason: 'FieldValueRequired',
          message: 'Required value: port name or number is required',
        },
      ],
    },
    {
      name: 'one class by annotation and another by field',
      change: (ingress) => {
        ingress.metadata.annotations = { 'kubernetes.io/ingress.class': 'a' }
        ingress.spec.ingressClassName = 'b'
      },
      causes: [{ field: 'annotations.kubernetes.io/ingress.class', reason: 'FieldValueInvalid' }],
    },
  ],
  change: (ingress) => {
    ingress.spec.ingressClassName = 'nginx'
  },
  status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
  cells: ['web', '<none>', '*', '', '80'],
}
