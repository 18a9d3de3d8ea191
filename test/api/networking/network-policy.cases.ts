/**
 * NetworkPolicy for the test of every kind.
 */
import { NetworkPolicy } from '../../../src/api/networking/network-policy.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: NetworkPolicy,
  minimal: { metadata: { name: 'closed' }, spec: { podSelector: {}, ingress: [{ ports: [{}] }] } },
  defaults: {
    spec: {
      podSelector: {},
      policyTypes: ['Ingress'],
      ingress: [{ ports: [{ protocol: 'TCP' }] }],
    },
  },
  bad: [
    {
      name: 'ports that are none',
      change: (policy) => {
        policy.spec.egress = [
          {
            ports: [
              { protocol: 'ICMP', port: 0 },
              { port: 'http', endPort: 90 },
              { port: 90, endPort: 80 },
            ],
          },
        ]
      },
      causes: [
        {
          field: 'spec.egress[0].ports[0].protocol',
          reason: 'FieldValueNotSupported',
          message: 'Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"',
        },
        { field: 'spec.egress[0].ports[0].port', reason: 'FieldValueInvalid' },
        {
          field: 'spec.egress[0].ports[1].endPort',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: 90: may not be specified when `port` is non-numeric',
        },
        {
          field: 'spec.egress[0].ports[2].endPort',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: 90: must be greater than or equal to `port`',
        },
      ],
    },
    {
      name: 'peers that are nobody or two at once',
      change: (policy) => {
        policy.spec.ingress = [
          {
            from: [
              {},
              { podSelector: {}, ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } },
            ],
          },
        ]
        policy.spec.policyTypes = ['Sideways']
      },
      causes: [
        {
          field: 'spec.ingress[0].from[0]',
          reason: 'FieldValueRequired',
          message: 'Required value: must specify a peer',
        },
        {
          field: 'spec.ingress[0].from[1].ipBlock.except[0]',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
        },
        { field: 'spec.ingress[0].from[1]', reason: 'FieldValueForbidden' },
        {
          field: 'spec.policyTypes[0]',
          reason: 'FieldValueNotSupported',
          message: 'Unsupported value: "Sideways": supported values: "Ingress", "Egress"',
        },
      ],
    },
  ],
  change: (policy) => {
    policy.spec.podSelector = { matchLabels: { app: 'web' } }
  },
  cells: ['closed', '<none>'],
}
