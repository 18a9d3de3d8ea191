import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Service } from '../../../src/api/core/service.ts'
import type { ServiceSpec } from '../../../src/api/core/service-exposure.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import { NOW, shown } from './pod-samples.ts'

const create = (spec: ServiceSpec): Service => {
  const service: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'uid',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: deepCopy(spec),
  }
  Service.prepareForCreate!(service, { now: NOW })
  Service.applyDefaults!(service)
  return service
}

const update = (old: Service, change: (spec: ServiceSpec) => void): Service => {
  const next = deepCopy(old)
  change(next.spec!)
  Service.applyDefaults!(next)
  Service.prepareForUpdate!(next, old, { now: NOW })
  return next
}

const faults = (next: Service, old?: Service) =>
  shown([...Service.validate!(next), ...(old ? Service.validateUpdate!(next, old) : [])])

const http = { port: 80 }
const settled = { clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.5'] }

test('a minimal service reads back with the defaults of Kubernetes', () => {
  const { spec, status } = create({ ports: [{ port: 80 }] })
  assert.equal(spec, {
    type: 'ClusterIP',
    sessionAffinity: 'None',
    ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    internalTrafficPolicy: 'Cluster',
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
  })
  assert.equal(status, { loadBalancer: {} })
})

test('each type gets the fields it has', () => {
  assert.is(create({ type: 'NodePort', ports: [http] }).spec!.externalTrafficPolicy, 'Cluster')
  const balanced = create({ type: 'LoadBalancer', ports: [http] }).spec!
  assert.is(balanced.allocateLoadBalancerNodePorts, true)
  assert.is(balanced.externalTrafficPolicy, 'Cluster')
  assert.equal(create({ type: 'ExternalName', externalName: 'example.com' }).spec, {
    type: 'ExternalName',
    externalName: 'example.com',
    sessionAffinity: 'None',
  })
  const headless = create({ clusterIP: 'None', selector: { app: 'web' } }).spec!
  assert.equal(headless.clusterIPs, ['None'])
  assert.equal(headless.ipFamilies, ['IPv4'])
  assert.is(create({ clusterIP: 'None' }).spec!.ipFamilyPolicy, 'RequireDualStack')
  const sticky = create({ ports: [http], sessionAffinity: 'ClientIP' }).spec!
  assert.equal(sticky.sessionAffinityConfig, { clientIP: { timeoutSeconds: 10800 } })
})

const cases: [ServiceSpec, string[]][] = [
  [{}, ['spec.ports: Required value']],
  [{ clusterIP: 'None' }, []],
  [{ ports: [{ port: 80 }, { port: 81, name: 'b' }] }, ['spec.ports[0].name: Required value']],
  [
    {
      ports: [
        { port: 80, name: 'a' },
        { port: 81, name: 'a' },
      ],
    },
    ['spec.ports[1].name: Duplicate value: "a"'],
  ],
  [
    {
      ports: [
        { port: 80, name: 'a' },
        { port: 80, name: 'b' },
      ],
    },
    [
      'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
    ],
  ],
  [
    { ports: [{ port: 0, targetPort: 'a b' }] },
    [
      'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.ports[0].targetPort: Invalid value: "a b": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
    ],
  ],
  [
    { ports: [{ port: 80, protocol: 'HTTP' }] },
    ['spec.ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"'],
  ],
  [
    { ports: [{ port: 80, nodePort: 30000 }] },
    ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
  ],
  [
    {
      type: 'NodePort',
      ports: [
        { port: 80, name: 'a', nodePort: 30000 },
        { port: 81, name: 'b', nodePort: 30000 },
      ],
    },
    ['spec.ports[1].nodePort: Duplicate value: 30000'],
  ],
  [
    { type: 'Magic', ports: [http] },
    [
      'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
  ],
  [
    { type: 'NodePort', clusterIP: 'None', ports: [http] },
    [`spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`],
  ],
  [
    { clusterIP: '10.0.0', ports: [http] },
    [
      'spec.clusterIPs[0]: Invalid value: "10.0.0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
  ],
  [
    { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.2'], ports: [http] },
    ['spec.clusterIPs: Invalid value: ["10.0.0.2"]: first value must match `clusterIP`'],
  ],
  [{ type: 'ExternalName' }, ['spec.externalName: Required value']],
  [
    { ports: [http], sessionAffinity: 'Cookie' },
    ['spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"'],
  ],
  [
    {
      ports: [http],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 90_000 } },
    },
    [
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 90000: must be greater than 0 and less than 86400',
    ],
  ],
  [
    { ports: [http], externalTrafficPolicy: 'Local' },
    [
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
  ],
  [
    { ports: [http], externalIPs: ['127.0.0.1'] },
    [
      'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  ],
  [
    { ports: [http], loadBalancerSourceRanges: ['10.0.0.1/8'] },
    [
      "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
      'spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length',
    ],
  ],
  [
    { ports: [http], trafficDistribution: 'Far' },
    [
      'spec.trafficDistribution: Unsupported value: "Far": supported values: "PreferClose", "PreferSameZone", "PreferSameNode"',
    ],
  ],
]
for (const [index, [spec, expected]] of cases.entries()) {
  test(expected[0] ?? `valid case ${index}`, () => assert.equal(faults(create(spec)), expected))
}

test('an update that leaves allocated values out keeps them', () => {
  const old = create({ type: 'NodePort', ports: [{ port: 80, nodePort: 30123 }], ...settled })
  const next = update(old, (spec) => {
    delete spec.clusterIP
    delete spec.clusterIPs
    spec.ports = [{ port: 81 }]
  })
  assert.is(next.spec!.clusterIP, '10.96.0.5')
  assert.equal(next.spec!.clusterIPs, ['10.96.0.5'])
  assert.is(next.spec!.ports![0]!.nodePort, 30123)
  assert.equal(faults(next, old), [])
})

test('the cluster address may not change once set', () => {
  const old = create({ ports: [http], ...settled })
  const next = update(old, (spec) => {
    spec.clusterIP = '10.96.0.6'
    spec.clusterIPs = ['10.96.0.6']
  })
  assert.equal(faults(next, old), [
    'spec.clusterIPs[0]: Invalid value: ["10.96.0.6"]: may not change once set',
  ])
})

test('a change of type drops what the new type cannot have', () => {
  const port = { port: 80, nodePort: 30123 }
  const old = create({ type: 'LoadBalancer', ports: [port], ...settled })
  const plain = update(old, (spec) => {
    spec.type = 'ClusterIP'
  })
  assert.equal(faults(plain, old), [])
  assert.is(plain.spec!.ports![0]!.nodePort, undefined)
  assert.not.ok('allocateLoadBalancerNodePorts' in plain.spec!)
  assert.not.ok('externalTrafficPolicy' in plain.spec!)
  const named = update(old, (spec) => {
    spec.type = 'ExternalName'
    spec.externalName = 'example.com'
  })
  assert.equal(faults(named, old), [])
  assert.not.ok('clusterIP' in named.spec!)
  assert.not.ok('clusterIPs' in named.spec!)
})

test('only a load balancer has an ingress', () => {
  const service = create({ ports: [http] })
  service.status = { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } }
  assert.equal(shown(Service.validateStatusUpdate!(service, service)), [
    "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
  ])
})

test('the rows are those kubectl shows', () => {
  const cell = (service: Service, name: string) =>
    Service.columns.find((each) => each.name === name)!.value(service, NOW)
  const plain = create({ ports: [http], selector: { b: '2', a: '1' }, ...settled })
  assert.is(cell(plain, 'Cluster-IP'), '10.96.0.5')
  assert.is(cell(plain, 'External-IP'), '<none>')
  assert.is(cell(plain, 'Port(s)'), '80/TCP')
  assert.is(cell(plain, 'Selector'), 'a=1,b=2')
  const open = create({
    type: 'NodePort',
    ports: [
      { port: 80, nodePort: 30080, name: 'a' },
      { port: 53, protocol: 'UDP', name: 'b' },
    ],
  })
  assert.is(cell(open, 'Port(s)'), '80:30080/TCP,53/UDP')
  assert.is(cell(open, 'Cluster-IP'), '<none>')
  assert.is(cell(open, 'Selector'), '<none>')
  const balanced = create({ type: 'LoadBalancer', ports: [http] })
  assert.is(cell(balanced, 'External-IP'), '<pending>')
  const named = create({ type: 'ExternalName', externalName: 'example.com' })
  assert.is(cell(named, 'External-IP'), 'example.com')
  assert.is(cell(named, 'Port(s)'), '<none>')
})

test.run()
