/**
 * Service for the test of every kind.
 */
import { Service } from '../../../src/api/core/service.ts'
import type { KindCase } from '../kind-case.ts'

export const cases: KindCase = {
  kind: Service,
  minimal: {
    metadata: { name: 'front' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
  },
  defaults: {
    spec: {
      type: 'ClusterIP',
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    },
    status: { loadBalancer: {} },
  },
  bad: [
    {
      name: 'no ports',
      change: (service) => {
        service.spec.ports = []
      },
      causes: [{ field: 'spec.ports', reason: 'FieldValueRequired' }],
    },
    {
      name: 'ports without names, numbers and protocols that are known',
      change: (service) => {
        service.spec.ports = [
          { port: 0, targetPort: 1 },
          { name: 'a', port: 80, protocol: 'HTTP' },
        ]
      },
      causes: [
        { field: 'spec.ports[0].name', reason: 'FieldValueRequired' },
        {
          field: 'spec.ports[0].port',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: 0: must be between 1 and 65535, inclusive',
        },
        {
          field: 'spec.ports[1].protocol',
          reason: 'FieldValueNotSupported',
          message: 'Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
        },
      ],
    },
    {
      name: 'what only load balancers have',
      change: (service) => {
        service.spec.loadBalancerSourceRanges = ['10.0.0.0/33']
        service.spec.loadBalancerClass = 'fast'
        service.spec.externalTrafficPolicy = 'Local'
      },
      causes: [
        {
          field: 'spec.LoadBalancerSourceRanges',
          reason: 'FieldValueForbidden',
          message: "Forbidden: may only be used when `type` is 'LoadBalancer'",
        },
        { field: 'spec.LoadBalancerSourceRanges[0]', reason: 'FieldValueInvalid' },
        { field: 'spec.loadBalancerClass', reason: 'FieldValueForbidden' },
        {
          field: 'spec.externalTrafficPolicy',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: "Local": may only be set for externally-accessible services',
        },
      ],
    },
    {
      name: 'an external name that is none',
      change: (service) => {
        service.spec = { type: 'ExternalName' }
      },
      causes: [{ field: 'spec.externalName', reason: 'FieldValueRequired' }],
    },
    {
      name: 'unknown distribution of traffic',
      change: (service) => {
        service.spec.trafficDistribution = 'Anywhere'
      },
      causes: [
        {
          field: 'spec.trafficDistribution',
          reason: 'FieldValueNotSupported',
          message:
            'Unsupported value: "Anywhere": supported values: "PreferClose", "PreferSameZone", "PreferSameNode"',
        },
      ],
    },
  ],
  immutable: [
    {
      name: 'its address',
      change: (service) => {
        service.spec.clusterIP = '10.96.200.200'
        service.spec.clusterIPs = ['10.96.200.200']
      },
      causes: [
        {
          field: 'spec.clusterIPs[0]',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: ["10.96.200.200"]: may not change once set',
        },
      ],
    },
  ],
  change: (service) => {
    service.spec.selector = { app: 'other' }
  },
  status: {
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'Done',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
  },
  cells: ['front', 'ClusterIP', /^10\.96\./, '<none>', '80/TCP', /^app=(web|other)$/],
}
