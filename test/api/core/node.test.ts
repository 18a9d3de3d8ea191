import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Node } from '../../../src/api/core/node.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import { NOW, shown } from './pod-samples.ts'

const metadata = {
  name: 'one',
  uid: 'uid',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
}
const node = (fields: Partial<Node> = {}): Node => {
  const object = { apiVersion: 'v1', kind: 'Node', ...deepCopy({ metadata, ...fields }) }
  Node.prepareForCreate!(object, { now: NOW })
  Node.applyDefaults!(object)
  return object
}
const cell = (object: Node, name: string) =>
  Node.columns.find((each) => each.name === name)!.value(object, NOW)

test('a node may bring its status and gets what follows from it', () => {
  const made = node({
    spec: { podCIDR: '10.0.0.0/24' },
    status: { capacity: { cpu: '2000m', memory: '1024Mi' } },
  })
  assert.equal(made.spec, { podCIDR: '10.0.0.0/24', podCIDRs: ['10.0.0.0/24'] })
  assert.equal(made.status, {
    capacity: { cpu: '2', memory: '1Gi' },
    allocatable: { cpu: '2', memory: '1Gi' },
  })
})

const nodeCases: [Partial<Node>, string[]][] = [
  [
    { spec: { podCIDRs: ['10.0.0.1/24'] } },
    [
      'spec.podCIDRs[0]: Invalid value: "10.0.0.1/24": must not have bits set beyond the prefix length',
    ],
  ],
  [
    { spec: { podCIDRs: ['010.0.0.0/24'] } },
    [
      'spec.podCIDRs[0]: Invalid value: "010.0.0.0/24": must not have leading 0s in IP or prefix length',
    ],
  ],
  [
    { spec: { podCIDRs: ['10.0.0.0/24', '10.0.1.0/24'] } },
    [
      'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than one CIDR for each IP family',
    ],
  ],
  [{ spec: { taints: [{ key: 'a', effect: '' }] } }, ['metadata.taints[0].effect: Required value']],
  [
    {
      spec: {
        taints: [
          { key: 'a', effect: 'NoSchedule' },
          { key: 'a', effect: 'NoSchedule', value: 'b' },
        ],
      },
    },
    [
      'metadata.taints[1]: Duplicate value: {"Key":"a","Value":"b","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair',
    ],
  ],
  [
    { status: { capacity: { cpu: '-1' }, allocatable: {} } },
    ['status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0'],
  ],
]
for (const [fields, expected] of nodeCases) {
  test(`node: ${expected[0]}`, () => assert.equal(shown(Node.validate!(node(fields))), expected))
}

test('addresses of pods and the id of the provider are set once', () => {
  const old = node({ spec: { podCIDR: '10.0.0.0/24', providerID: 'a' } })
  const next = deepCopy(old)
  next.spec = { podCIDRs: ['10.0.1.0/24'], providerID: 'b', unschedulable: true }
  assert.equal(shown(Node.validateUpdate!(next, old)), [
    'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
    'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
  ])
  assert.equal(Node.validateUpdate!(old, node()), [])
})

test('the row of a node is the one kubectl shows', () => {
  const ready = (status: string) => ({ status: { conditions: [{ type: 'Ready', status }] } })
  assert.is(cell(node(), 'Status'), 'Unknown')
  assert.is(cell(node(ready('True')), 'Status'), 'Ready')
  assert.is(cell(node(ready('Unknown')), 'Status'), 'NotReady')
  const cordoned = node({ ...ready('True'), spec: { unschedulable: true } })
  assert.is(cell(cordoned, 'Status'), 'Ready,SchedulingDisabled')
  assert.is(cell(node(), 'Roles'), '<none>')
  const labels = {
    'node-role.kubernetes.io/worker': '',
    'node-role.kubernetes.io/control-plane': '',
  }
  assert.is(cell(node({ metadata: { ...metadata, labels } }), 'Roles'), 'control-plane,worker')
  const nodeInfo = { kernelVersion: '6.1', architecture: 'amd64', kubeletVersion: 'v1.36.0' }
  const known = node()
  known.status = {
    nodeInfo: nodeInfo as NonNullable<NonNullable<Node['status']>['nodeInfo']>,
    addresses: [{ type: 'InternalIP', address: '192.168.0.2' }],
  }
  assert.equal(
    ['Version', 'Internal-IP', 'External-IP', 'OS-Image', 'Kernel-Version'].map((name) =>
      cell(known, name),
    ),
    ['v1.36.0', '192.168.0.2', '<none>', '<unknown>', '6.1 (amd64)'],
  )
})

test.run()
