/**
 * What single plug-ins make of pods, nodes and bindings, after Kubernetes' own cases.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { alwaysPullImages } from '../../../../src/actors/apiserver/admission/always-pull-images.ts'
import { defaultTolerationSeconds } from '../../../../src/actors/apiserver/admission/default-toleration-seconds.ts'
import { extendedResourceToleration } from '../../../../src/actors/apiserver/admission/extended-resource-toleration.ts'
import { limitPodHardAntiAffinityTopology } from '../../../../src/actors/apiserver/admission/limit-pod-hard-anti-affinity-topology.ts'
import { nodeDeclaredFeatureValidator } from '../../../../src/actors/apiserver/admission/node-declared-feature-validator.ts'
import { podNodeSelector } from '../../../../src/actors/apiserver/admission/pod-node-selector.ts'
import { podResizeValidator } from '../../../../src/actors/apiserver/admission/pod-resize-validator.ts'
import { podTolerationRestriction } from '../../../../src/actors/apiserver/admission/pod-toleration-restriction.ts'
import { podTopologyLabels } from '../../../../src/actors/apiserver/admission/pod-topology-labels.ts'
import { taintNodesByCondition } from '../../../../src/actors/apiserver/admission/taint-nodes-by-condition.ts'
import { Namespace } from '../../../../src/api/core/namespace.ts'
import { Node } from '../../../../src/api/core/node.ts'
import { Pod } from '../../../../src/api/core/pod.ts'
import { createDesk, stored } from './write.ts'

const pod = (spec: object = {}, metadata = {}) =>
  stored<Pod>(
    Pod,
    'web',
    { spec: { containers: [{ name: 'c', image: 'i:1' }], ...spec } },
    metadata,
  )
const specOf = ({ object }: { object: unknown }) => (object as Pod).spec!
const inNamespace = (annotations: Record<string, string> = {}) =>
  stored<Namespace>(Namespace, 'default', {}, { annotations })

const LOST = (name: string) => ({
  key: `node.kubernetes.io/${name}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 300,
})

test('a lost node is tolerated for five minutes, unless the pod says otherwise', async () => {
  const { write } = createDesk([defaultTolerationSeconds])
  const tolerationsOf = async (...tolerations: object[]) =>
    specOf(await write({ kind: Pod, object: pod(tolerations.length > 0 ? { tolerations } : {}) }))
      .tolerations
  assert.equal(await tolerationsOf(), [LOST('not-ready'), LOST('unreachable')])
  const own = { key: 'node.kubernetes.io/not-ready', operator: 'Exists' }
  assert.equal(await tolerationsOf(own), [own, LOST('unreachable')])
  const short = { ...LOST('not-ready'), tolerationSeconds: 5 }
  assert.equal(await tolerationsOf(short), [short, LOST('unreachable')])
  const other = { ...LOST('not-ready'), effect: 'NoSchedule' }
  assert.equal(await tolerationsOf(other), [other, LOST('not-ready'), LOST('unreachable')])
  const all = { operator: 'Exists' }
  assert.equal(await tolerationsOf(all), [all])
  const updated = await write({ kind: Pod, operation: 'UPDATE', object: pod(), old: pod() })
  assert.is(specOf(updated).tolerations?.length, 2)
})

test('a new node takes no pods until it is found ready', async () => {
  const { write } = createDesk([taintNodesByCondition])
  const taintsOf = async (spec?: object) => {
    const { object } = await write({ kind: Node, object: stored<Node>(Node, 'one', { spec }) })
    return (object as Node).spec!.taints
  }
  const added = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }
  assert.equal(await taintsOf(), [added])
  const other = { key: 'mine', effect: 'NoExecute' }
  assert.equal(await taintsOf({ taints: [other] }), [other, added])
  assert.equal(await taintsOf({ taints: [added] }), [added])
})

test('a pod that is bound carries the zone and the region of its node', async () => {
  const labels = {
    'topology.kubernetes.io/zone': 'z1',
    'topology.kubernetes.io/region': 'r1',
    'topology.kubernetes.io/other': 'x',
  }
  const { write } = createDesk([podTopologyLabels], stored(Node, 'one', {}, { labels }))
  const binding = (target: object) =>
    stored(Pod, 'web', { kind: 'Binding', target }, { labels: { own: 'yes' } })
  const labelsOf = async (subresource: string | undefined, object: object) =>
    (await write({ kind: Pod, ...(subresource ? { subresource } : {}), object })).object!.metadata
      .labels
  const copied = { 'topology.kubernetes.io/zone': 'z1', 'topology.kubernetes.io/region': 'r1' }
  const toNode = { kind: 'Node', name: 'one' }
  assert.equal(await labelsOf('binding', binding(toNode)), { own: 'yes', ...copied })
  assert.equal(await labelsOf('binding', binding({ name: 'one' })), { own: 'yes' })
  assert.equal(await labelsOf('binding', binding({ ...toNode, name: 'two' })), { own: 'yes' })
  const before = { labels: { 'topology.kubernetes.io/zone': 'old' } }
  assert.equal(await labelsOf(undefined, pod({ nodeName: 'one' }, before)), copied)
  assert.equal(await labelsOf(undefined, pod({}, before)), before.labels)
})

test('images are pulled every time', async () => {
  const { write } = createDesk([alwaysPullImages])
  const image = { name: 'v', image: { reference: 'x', pullPolicy: 'Never' } }
  const containers = [{ name: 'c', image: 'i:1', imagePullPolicy: 'Never' }]
  const spec = { containers, initContainers: containers, volumes: [image] }
  const { initContainers, volumes, ...rest } = specOf(await write({ kind: Pod, object: pod(spec) }))
  assert.is(rest.containers[0]!.imagePullPolicy, 'Always')
  assert.is(initContainers![0]!.imagePullPolicy, 'Always')
  assert.is(volumes![0]!.image!.pullPolicy, 'Always')
  const operation = 'UPDATE'
  const same = await write({ kind: Pod, operation, object: pod({ containers }), old: pod() })
  assert.is(specOf(same).containers[0]!.imagePullPolicy, 'Never')
})

test('a policy that somebody behind the plug-in changed is refused', async () => {
  const changing = {
    name: 'Changing',
    handles: () => true,
    mutate: ({ object }: { object: unknown }) => {
      ;(object as Pod).spec!.containers[0]!.imagePullPolicy = 'Never'
    },
  }
  const { error } = await createDesk([alwaysPullImages, changing]).write({
    kind: Pod,
    object: pod(),
  })
  assert.equal(
    [error?.code, error?.message],
    [
      500,
      'pods "web" is forbidden: spec.containers[0].imagePullPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
  )
})

test('pods that ask for devices tolerate what keeps others away', async () => {
  const { write } = createDesk([extendedResourceToleration])
  const asking = (...names: string[]) => ({
    name: 'c',
    resources: { requests: Object.fromEntries(names.map((name) => [name, '1'])) },
  })
  const tolerationsOf = async (spec: object) =>
    specOf(await write({ kind: Pod, object: pod(spec) })).tolerations
  const of = (key: string) => ({ key, operator: 'Exists', effect: 'NoSchedule' })
  const containers = [asking('b.example/x', 'cpu')]
  const initContainers = [asking('a.example/y')]
  assert.equal(await tolerationsOf({ containers, initContainers }), [
    of('a.example/y'),
    of('b.example/x'),
  ])
  const present = [of('b.example/x'), of('mine')]
  assert.equal(await tolerationsOf({ containers, tolerations: present }), present)
  assert.is(await tolerationsOf({ containers: [asking('cpu')] }), undefined)
})

test('a pod may demand a node for itself, but no zone', async () => {
  const { write } = createDesk([limitPodHardAntiAffinityTopology])
  const demanding = (topologyKey: string) => {
    const requiredDuringSchedulingIgnoredDuringExecution = [{ topologyKey }]
    return pod({
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution } },
    })
  }
  const hostname = await write({ kind: Pod, object: demanding('kubernetes.io/hostname') })
  assert.is(hostname.error, undefined)
  assert.is(
    (await write({ kind: Pod, object: demanding('az') })).error?.message,
    'pods "web" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey az but only key kubernetes.io/hostname is allowed',
  )
})

const SELECTOR = 'scheduler.alpha.kubernetes.io/node-selector'

test('pods go where their namespace sends them', async () => {
  const run = async (
    annotation: string | undefined,
    nodeSelector: Record<string, string> | undefined,
    podNodeSelectorPluginConfig: Record<string, string> = {},
  ) => {
    const there = inNamespace(annotation === undefined ? {} : { [SELECTOR]: annotation })
    const plugin = podNodeSelector({ podNodeSelectorPluginConfig })
    const object = pod(nodeSelector ? { nodeSelector } : {})
    const outcome = await createDesk([plugin], there).write({ kind: Pod, object })
    return outcome.error?.message ?? specOf(outcome).nodeSelector
  }
  assert.equal(await run('env=test, infra=fra', { a: 'b' }), { env: 'test', infra: 'fra', a: 'b' })
  assert.is(await run('', undefined, { clusterDefaultNodeSelector: 'env=prod' }), undefined)
  assert.equal(await run(undefined, undefined, { clusterDefaultNodeSelector: 'env=prod' }), {
    env: 'prod',
  })
  assert.is(
    await run('env=test', { env: 'dev' }),
    'pods "web" is forbidden: pod node label selector conflicts with its namespace node label selector',
  )
  assert.is(
    await run('env=test', { other: 'x' }, { default: 'env=test' }),
    'pods "web" is forbidden: pod node label selector labels conflict with its namespace whitelist',
  )
  assert.is(await run('env', {}), 'invalid selector: [env]')
})

const DEFAULTS = 'scheduler.alpha.kubernetes.io/defaultTolerations'
const ALLOWED = 'scheduler.alpha.kubernetes.io/tolerationsWhitelist'

test('a namespace says what its pods tolerate, by default and at most', async () => {
  const one = { key: 'one', operator: 'Equal', value: 'v', effect: 'NoSchedule' }
  const two = { ...one, key: 'two' }
  const run = async (
    annotations: Record<string, string>,
    tolerations: object[],
    more: object = {},
    configuration: object = {},
  ) => {
    const desk = createDesk([podTolerationRestriction(configuration)], inNamespace(annotations))
    const outcome = await desk.write({ kind: Pod, object: pod({ tolerations, ...more }) })
    return outcome.error?.message ?? specOf(outcome).tolerations
  }
  assert.equal(await run({ [DEFAULTS]: JSON.stringify([one]) }, [two]), [two, one])
  assert.equal(await run({}, [two], {}, { default: [one] }), [two, one])
  assert.equal(await run({ [DEFAULTS]: '' }, [two], {}, { default: [one] }), [two])
  assert.equal(await run({ [ALLOWED]: JSON.stringify([one]) }, [one]), [one])
  assert.is(
    await run({ [ALLOWED]: JSON.stringify([one]) }, [two]),
    'pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace whitelist',
  )
  assert.is(
    await run({}, [two], {}, { whitelist: [one] }),
    'pod tolerations (possibly merged with namespace default tolerations) conflict with its cluster whitelist',
  )
  const burstable = {
    containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }],
  }
  assert.equal(await run({}, [], burstable), [
    { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  ])
})

test('a pod is not resized beyond its node', async () => {
  const resized = (cpu: string, memory: string, spec: object = {}) =>
    pod(
      {
        nodeName: 'one',
        containers: [{ name: 'c', resources: { requests: { cpu, memory } } }],
        ...spec,
      },
      { generation: 2 },
    )
  const run = async (object: Pod, labels: Record<string, string> = {}) => {
    const status = { allocatable: { cpu: '2', memory: '1Gi' } }
    const desk = createDesk([podResizeValidator], stored(Node, 'one', { status }, { labels }))
    const old = pod({ nodeName: 'one' }, { generation: 1 })
    const subresource = 'resize'
    return (await desk.write({ kind: Pod, operation: 'UPDATE', subresource, object, old })).error
  }
  assert.is(await run(resized('2', '1Gi')), undefined)
  const tooMuch = await run(resized('2500m', '2Gi'))
  assert.is(
    tooMuch?.message,
    `pods "web" is forbidden: node didn't have enough allocatable resources: cpu, requested: 2500, allocatable: 2000; memory, requested: 2147483648, allocatable: 1073741824`,
  )
  assert.equal(tooMuch?.status.details?.causes, [{ reason: 'NodeCapacity' }])
  const elsewhere = await run(resized('1', '1Gi'), { 'kubernetes.io/os': 'windows' })
  assert.is(
    elsewhere?.message,
    'pods "web" is forbidden: pod resize is only supported on linux nodes, node "one" is "windows"',
  )
  assert.equal(elsewhere?.status.details?.causes, [{ reason: 'UnsupportedPlatform' }])
  const gone = await run(resized('1', '1Gi', { nodeName: 'two' }))
  assert.is(gone?.message, 'pods "web" is forbidden: node "two" not found')
})

test('a pod is changed only in ways that its node has declared', async () => {
  const sized = (cpu: string) => ({ resources: { requests: { cpu } } })
  const initContainers = (cpu: string) => ({ initContainers: [{ name: 'i', ...sized(cpu) }] })
  const run = async (before: object, after: object, ...declaredFeatures: string[]) => {
    const node = stored<Node>(Node, 'one', { status: { declaredFeatures } })
    const outcome = await createDesk([nodeDeclaredFeatureValidator], node).write({
      kind: Pod,
      operation: 'UPDATE',
      subresource: 'resize',
      object: pod({ nodeName: 'one', ...after }, { generation: 2 }),
      old: pod({ nodeName: 'one', ...before }, { generation: 1 }),
    })
    return outcome.error?.message
  }
  const feature = 'InPlacePodLevelResourcesVerticalScaling'
  assert.is(
    await run(sized('1'), sized('2')),
    `pods "web" is forbidden: pod update requires features ${feature} which are not available on node "one"`,
  )
  assert.is(await run(sized('1'), sized('2'), feature), undefined)
  assert.match(
    (await run(initContainers('1'), initContainers('2'), feature)) ?? '',
    'requires features InPlacePodVerticalScalingInitContainers which',
  )
  assert.is(await run({}, { containers: [{ name: 'c', ...sized('2') }] }), undefined)
  const gone = { nodeName: 'two', ...sized('2') }
  assert.is(await run(sized('1'), gone), 'pods "web" is forbidden: node "two" not found')
})

test.run()
