/** Plug-ins that judge a node by itself: what they refuse, in whose words, and how they score. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { NodeRule } from '../../../../src/actors/scheduler/plugin.ts'
import { plugins } from '../../../../src/actors/scheduler/plugins/default-profile.ts'
import { podInfo } from '../../../../src/actors/scheduler/pod-info.ts'
import { Snapshot } from '../../../../src/actors/scheduler/snapshot.ts'
import { type NodeBuilder, node, type PodBuilder, pod } from '../../../support/build.ts'
import { memoryCache } from '../../../support/memory-cache.ts'

/** One node with pods on it, and what one plug-in says of a newcomer. */
const ask = (plugin: string, newcomer: PodBuilder, on: NodeBuilder, running: PodBuilder[]) => {
  const snapshot = new Snapshot(() => {})
  snapshot.setNode(on.object)
  for (const one of running) snapshot.setPod(one.on(on.object.metadata.name).object)
  const rule = plugins
    .find(({ name }) => name === plugin)
    ?.prepare(podInfo(newcomer.object), snapshot, memoryCache()) as NodeRule | undefined
  const info = snapshot.order[0]
  if (!info) throw new Error('no node')
  return { refusal: rule?.filter?.(info), score: rule?.score?.(info) }
}

const filters = (
  plugin: string,
  name: string,
  newcomer: PodBuilder,
  on: NodeBuilder,
  want: string,
  running: PodBuilder[] = [],
) =>
  test(`${plugin}: ${name}`, () => {
    const { refusal } = ask(plugin, newcomer, on, running)
    const shown = refusal
      ? `${refusal.reasons.join(', ')}${refusal.resolvable ? ' (resolvable)' : ''}`
      : 'fits'
    assert.is(shown, want)
  })

const scores = (
  plugin: string,
  name: string,
  newcomer: PodBuilder,
  on: NodeBuilder,
  want: number,
  running: PodBuilder[] = [],
) =>
  test(`${plugin}: ${name}`, () => {
    assert.is(Math.round(ask(plugin, newcomer, on, running).score ?? Number.NaN), want)
  })

const tolerating = (toleration: Record<string, string>) => pod().spec({ tolerations: [toleration] })
const CORDONED = 'node(s) were unschedulable'
filters('NodeUnschedulable', 'refuses a cordoned node', pod(), node().cordoned(), CORDONED)
filters('NodeUnschedulable', 'accepts a node in service', pod(), node(), 'fits')
filters(
  'NodeUnschedulable',
  'accepts a cordoned node for a pod that tolerates it',
  tolerating({ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }),
  node().cordoned(),
  'fits',
)

filters('NodeName', 'accepts the node the pod names', pod().on('n1'), node('n1'), 'fits')
filters(
  'NodeName',
  'refuses any other node',
  pod().on('n2'),
  node('n1'),
  "node(s) didn't match the requested node name",
)

const TAINTED = 'node(s) had untolerated taint(s)'
const gpu = node().taint('dedicated', 'NoSchedule', 'gpu')
filters('TaintToleration', 'refuses an untolerated taint', pod(), gpu, TAINTED)
filters(
  'TaintToleration',
  'accepts a taint tolerated by value',
  tolerating({ key: 'dedicated', value: 'gpu', effect: 'NoSchedule' }),
  gpu,
  'fits',
)
filters(
  'TaintToleration',
  'refuses another value',
  tolerating({ key: 'dedicated', value: 'cpu', effect: 'NoSchedule' }),
  gpu,
  TAINTED,
)
filters(
  'TaintToleration',
  'refuses another effect',
  tolerating({ key: 'dedicated', operator: 'Exists', effect: 'NoExecute' }),
  gpu,
  TAINTED,
)
filters(
  'TaintToleration',
  'accepts everything with a bare Exists',
  tolerating({ operator: 'Exists' }),
  gpu,
  'fits',
)
filters(
  'TaintToleration',
  'only prefers to avoid PreferNoSchedule',
  pod(),
  node().taint('slow', 'PreferNoSchedule'),
  'fits',
)
scores(
  'TaintToleration',
  'counts untolerated preferences',
  pod(),
  node().taint('a', 'PreferNoSchedule').taint('b', 'PreferNoSchedule'),
  2,
)

const UNSELECTED = "node(s) didn't match Pod's node affinity/selector"
const ssd = node().labels({ disk: 'ssd', size: '8' })
const requiring = (...matchExpressions: { key: string; operator: string; values?: string[] }[]) =>
  pod().spec({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions }],
        },
      },
    },
  })
filters(
  'NodeAffinity',
  'accepts a matching node selector',
  pod().spec({ nodeSelector: { disk: 'ssd' } }),
  ssd,
  'fits',
)
filters(
  'NodeAffinity',
  'refuses another label value',
  pod().spec({ nodeSelector: { disk: 'hdd' } }),
  ssd,
  UNSELECTED,
)
filters(
  'NodeAffinity',
  'In',
  requiring({ key: 'disk', operator: 'In', values: ['hdd', 'ssd'] }),
  ssd,
  'fits',
)
filters(
  'NodeAffinity',
  'NotIn',
  requiring({ key: 'disk', operator: 'NotIn', values: ['ssd'] }),
  ssd,
  UNSELECTED,
)
filters(
  'NodeAffinity',
  'NotIn accepts an absent label',
  requiring({ key: 'gone', operator: 'NotIn', values: ['x'] }),
  ssd,
  'fits',
)
filters('NodeAffinity', 'Exists', requiring({ key: 'gone', operator: 'Exists' }), ssd, UNSELECTED)
filters(
  'NodeAffinity',
  'DoesNotExist',
  requiring({ key: 'gone', operator: 'DoesNotExist' }),
  ssd,
  'fits',
)
filters(
  'NodeAffinity',
  'Gt',
  requiring({ key: 'size', operator: 'Gt', values: ['7'] }),
  ssd,
  'fits',
)
filters(
  'NodeAffinity',
  'Lt',
  requiring({ key: 'size', operator: 'Lt', values: ['8'] }),
  ssd,
  UNSELECTED,
)
filters('NodeAffinity', 'a term without requirements matches nothing', requiring(), ssd, UNSELECTED)
scores(
  'NodeAffinity',
  'adds the weights of matching preferences',
  pod().spec({
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 30, preference: { matchExpressions: [{ key: 'disk', operator: 'Exists' }] } },
          { weight: 5, preference: { matchExpressions: [{ key: 'gone', operator: 'Exists' }] } },
        ],
      },
    },
  }),
  ssd,
  30,
)

const TAKEN = "node(s) didn't have free ports for the requested pod ports (resolvable)"
filters('NodePorts', 'refuses a taken port', pod().hostPort(80), node(), TAKEN, [
  pod('x').hostPort(80),
])
filters('NodePorts', 'accepts another port', pod().hostPort(81), node(), 'fits', [
  pod('x').hostPort(80),
])
filters(
  'NodePorts',
  'accepts the port on another address',
  pod().hostPort(80, '10.0.0.1'),
  node(),
  'fits',
  [pod('x').hostPort(80, '10.0.0.2')],
)
filters(
  'NodePorts',
  'every address collides with each',
  pod().hostPort(80, '10.0.0.1'),
  node(),
  TAKEN,
  [pod('x').hostPort(80)],
)

const FIT = 'NodeResourcesFit'
filters(FIT, 'accepts what just fits', pod().cpu('4'), node(), 'fits')
filters(
  FIT,
  'refuses what others left no room for',
  pod().cpu('2'),
  node(),
  'Insufficient cpu (resolvable)',
  [pod('x').cpu('2500m')],
)
filters(
  FIT,
  'a node that is too small is not resolvable',
  pod().memory('9Gi'),
  node(),
  'Insufficient memory',
)
filters(
  FIT,
  'names every resource that is short',
  pod().cpu('5').memory('9Gi'),
  node(),
  'Insufficient cpu, Insufficient memory',
)
filters(FIT, 'counts pods', pod(), node().offers({ pods: '1' }), 'Too many pods (resolvable)', [
  pod('x'),
])
filters(
  FIT,
  'counts ephemeral storage',
  pod().requests({ 'ephemeral-storage': '200Gi' }),
  node(),
  'Insufficient ephemeral-storage',
)
filters(
  FIT,
  'counts devices',
  pod().requests({ 'example.com/gpu': '1' }),
  node(),
  'Insufficient example.com/gpu',
)
filters(
  FIT,
  'accepts devices that are there',
  pod().requests({ 'example.com/gpu': '1' }),
  node().offers({ 'example.com/gpu': '1' }),
  'fits',
)
filters(FIT, 'a finished pod takes no room', pod().cpu('4'), node(), 'fits', [
  pod('x').cpu('4').status({ phase: 'Succeeded' }),
])
filters(
  FIT,
  'an init container counts when it needs more than the containers',
  pod()
    .cpu('1')
    .spec({ initContainers: [{ name: 'init', resources: { requests: { cpu: '5' } } }] }),
  node(),
  'Insufficient cpu',
)
filters(
  FIT,
  'a sidecar counts beside the containers',
  pod()
    .cpu('3')
    .spec({
      initContainers: [
        { name: 'side', restartPolicy: 'Always', resources: { requests: { cpu: '2' } } },
      ],
    }),
  node(),
  'Insufficient cpu',
)
filters(
  FIT,
  'overhead counts',
  pod()
    .cpu('4')
    .spec({ overhead: { cpu: '100m' } }),
  node(),
  'Insufficient cpu',
)
scores(
  FIT,
  'the free share of CPU and memory, on average',
  pod().cpu('1').memory('4Gi'),
  node(),
  63,
)
scores(
  FIT,
  'containers without requests count a little',
  pod(),
  node().offers({ cpu: '1', memory: '2000Mi' }),
  90,
)

const BALANCE = 'NodeResourcesBalancedAllocation'
scores(BALANCE, 'equal shares are best', pod().cpu('1').memory('2Gi'), node(), 100)
scores(BALANCE, 'unequal shares are worse', pod().cpu('4').memory('1'), node(), 50)

const MIB = 1024 * 1024
scores('ImageLocality', 'a node without the image gets nothing', pod().image('app:1'), node(), 0)
scores(
  'ImageLocality',
  'a big image that is there gets everything',
  pod().image('app:1'),
  node().image('app:1', 1000 * MIB),
  100,
)
scores(
  'ImageLocality',
  'a name without tag means latest',
  pod().image('reg:5000/app'),
  node().image('reg:5000/app:latest', 1000 * MIB),
  100,
)

test.run()
