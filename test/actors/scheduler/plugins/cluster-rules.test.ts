/** Plug-ins that look at pods elsewhere: affinity between pods, and spreading over topology domains. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ClusterRule } from '../../../../src/actors/scheduler/plugin.ts'
import { plugins } from '../../../../src/actors/scheduler/plugins/default-profile.ts'
import { podInfo } from '../../../../src/actors/scheduler/pod-info.ts'
import { Snapshot } from '../../../../src/actors/scheduler/snapshot.ts'
import { Namespace } from '../../../../src/api/core/namespace.ts'
import type { KubernetesObject } from '../../../../src/api/meta.ts'
import { node, type PodBuilder, pod, service } from '../../../support/build.ts'
import { memoryCache } from '../../../support/memory-cache.ts'

const ZONE = 'topology.kubernetes.io/zone'
const HOST = 'kubernetes.io/hostname'
const a1 = node('a1').zone('a')
const a2 = node('a2').zone('a')
const b1 = node('b1').zone('b')
const web = (name: string) => pod(name).labels({ app: 'web' })

/** Prepares on an empty cluster or a filled one; the answers must be the same. */
const prepare = (
  plugin: string,
  newcomer: PodBuilder,
  running: PodBuilder[],
  late: boolean,
  objects: KubernetesObject[],
) => {
  const snapshot = new Snapshot((info, at, delta) => {
    if (rule) rule.observe(info, at, delta)
  })
  let rule: ClusterRule | undefined
  for (const one of [a1, a2, b1]) snapshot.setNode(one.object)
  const make = () => {
    rule = plugins
      .find(({ name }) => name === plugin)
      ?.prepare(podInfo(newcomer.object), snapshot, memoryCache(...objects)) as
      | ClusterRule
      | undefined
  }
  if (late) make()
  for (const one of running) snapshot.setPod(one.object)
  const gone = web('gone').on('b1').object
  snapshot.setPod(gone)
  snapshot.removePod(gone.metadata.uid)
  if (!late) make()
  return { snapshot, rule: () => rule }
}

/** `want`: per node `fits` or the reason, or per node the normalised score. */
const check = (
  plugin: string,
  name: string,
  newcomer: PodBuilder,
  running: PodBuilder[],
  want: { fits?: string; scores?: string },
  ...objects: KubernetesObject[]
) => {
  for (const late of [false, true])
    test(`${plugin}: ${name}${late ? ', counted pod by pod' : ''}`, () => {
      const { snapshot, rule } = prepare(plugin, newcomer, running, late, objects)
      const made = rule()
      if (want.fits !== undefined) {
        const fitting = snapshot.order.filter((one) => !made?.filter?.(one))
        assert.is(
          fitting
            .map((one) => one.name)
            .sort()
            .join(' '),
          want.fits,
        )
      }
      if (want.scores !== undefined) {
        made?.beforeScore?.(snapshot.order.length)
        const raws = snapshot.order.map((one) => made?.score?.(one) ?? Number.NaN)
        const shown = snapshot.order.map((one, index) => {
          const raw = raws[index] ?? 0
          return `${one.name}=${Math.round(made?.normalise?.(raw, Math.min(...raws), Math.max(...raws)) ?? raw)}`
        })
        assert.is(shown.sort().join(' '), want.scores)
      }
    })
}

const term = (topologyKey: string, app = 'web', more = {}) => ({
  topologyKey,
  labelSelector: { matchLabels: { app } },
  ...more,
})
const near = (one: PodBuilder, ...terms: ReturnType<typeof term>[]) =>
  one.spec({ affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } } })
const apart = (one: PodBuilder, ...terms: ReturnType<typeof term>[]) =>
  one.spec({
    affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
  })

const AFFINITY = 'InterPodAffinity'
check(
  AFFINITY,
  'a required neighbour decides the zone',
  near(pod('x'), term(ZONE)),
  [web('w').on('a1')],
  { fits: 'a1 a2' },
)
check(AFFINITY, 'nobody fits while the neighbour is absent', near(pod('x'), term(ZONE)), [], {
  fits: '',
})
check(
  AFFINITY,
  'the first of a group that wants its own kind fits anywhere',
  near(web('x'), term(ZONE)),
  [],
  { fits: 'a1 a2 b1' },
)
check(
  AFFINITY,
  'anti-affinity keeps hosts apart',
  apart(web('x'), term(HOST)),
  [web('w').on('a1')],
  { fits: 'a2 b1' },
)
check(
  AFFINITY,
  'anti-affinity keeps zones apart',
  apart(web('x'), term(ZONE)),
  [web('w').on('a1')],
  { fits: 'b1' },
)
check(
  AFFINITY,
  "a running pod's anti-affinity refuses the newcomer",
  web('x'),
  [apart(pod('w').on('a1'), term(ZONE))],
  { fits: 'b1' },
)
check(
  AFFINITY,
  'pods of other namespaces do not count',
  apart(web('x'), term(HOST)),
  [web('w').in('other').on('a1')],
  { fits: 'a1 a2 b1' },
)
check(
  AFFINITY,
  'pods of a named namespace count',
  apart(web('x'), term(HOST, 'web', { namespaces: ['other'] })),
  [web('w').in('other').on('a1')],
  { fits: 'a2 b1' },
)
check(
  AFFINITY,
  'namespaces are selected by their labels',
  apart(web('x'), term(HOST, 'web', { namespaceSelector: { matchLabels: { team: 'one' } } })),
  [web('w').in('other').on('a1')],
  { fits: 'a2 b1' },
  {
    apiVersion: Namespace.apiVersion,
    kind: Namespace.kind,
    metadata: {
      name: 'other',
      uid: 'ns',
      resourceVersion: '1',
      creationTimestamp: '',
      labels: { team: 'one' },
    },
  } as KubernetesObject,
)
check(
  AFFINITY,
  'preferences attract and repel',
  pod('x').spec({
    affinity: {
      podAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 50, podAffinityTerm: term(ZONE) },
        ],
      },
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 50, podAffinityTerm: term(HOST) },
        ],
      },
    },
  }),
  [web('w').on('a1')],
  { scores: 'a1=0 a2=100 b1=0' },
)

const SPREAD = 'PodTopologySpread'
const constraint = (topologyKey: string, maxSkew: number, more = {}) => ({
  topologyKey,
  maxSkew,
  whenUnsatisfiable: 'DoNotSchedule',
  labelSelector: { matchLabels: { app: 'web' } },
  ...more,
})
const spread = (one: PodBuilder, ...topologySpreadConstraints: ReturnType<typeof constraint>[]) =>
  one.spec({ topologySpreadConstraints })
check(
  SPREAD,
  'the fuller zone is refused',
  spread(web('x'), constraint(ZONE, 1)),
  [web('w').on('a1')],
  { fits: 'b1' },
)
check(
  SPREAD,
  'a larger skew is allowed',
  spread(web('x'), constraint(ZONE, 2)),
  [web('w').on('a1')],
  { fits: 'a1 a2 b1' },
)
check(
  SPREAD,
  'two constraints hold together',
  spread(web('x'), constraint(ZONE, 2), constraint(HOST, 1)),
  [web('w').on('a1')],
  { fits: 'a2 b1' },
)
check(
  SPREAD,
  'too few domains count as an empty one',
  spread(web('x'), constraint(ZONE, 1, { minDomains: 3 })),
  [web('w').on('a1'), web('v').on('b1')],
  { fits: '' },
)
check(SPREAD, 'a node without the label is refused', spread(web('x'), constraint('rack', 1)), [], {
  fits: '',
})
check(
  SPREAD,
  'terminating pods do not count',
  spread(web('x'), constraint(ZONE, 1)),
  [web('w').meta({ deletionTimestamp: '2024-01-01T00:00:00Z' }).on('a1')],
  { fits: 'a1 a2 b1' },
)
check(
  SPREAD,
  'only nodes the pod may use count',
  spread(web('x').spec({ nodeSelector: { [ZONE]: 'a' } }), constraint(HOST, 1)),
  [web('w').on('a1')],
  { fits: 'a2 b1' },
)
check(
  SPREAD,
  'only pods with the same value of a key count',
  spread(
    pod('x').labels({ app: 'web', hash: 'new' }),
    constraint(ZONE, 1, { matchLabelKeys: ['hash'] }),
  ),
  [pod('w').labels({ app: 'web', hash: 'old' }).on('a1')],
  { fits: 'a1 a2 b1' },
)
check(
  SPREAD,
  'ScheduleAnyway prefers the emptier zone',
  spread(web('x'), constraint(ZONE, 1, { whenUnsatisfiable: 'ScheduleAnyway' })),
  [web('w').on('a1')],
  { fits: 'a1 a2 b1', scores: 'a1=0 a2=0 b1=100' },
)
check(
  SPREAD,
  'pods of a service are spread without being told',
  web('x'),
  [web('w').on('a1'), web('v').on('a1')],
  { fits: 'a1 a2 b1', scores: 'a1=50 a2=77 b1=100' },
  service('web').selects({ app: 'web' }).object,
)

test.run()
