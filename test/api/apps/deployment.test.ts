import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Deployment } from '../../../src/api/apps/deployment.ts'
import type { PodSpec } from '../../../src/api/core/pod-spec-defaults.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import type { FieldError } from '../../../src/api/status-error.ts'

const NOW = Date.parse('2026-01-01T01:00:00Z')

type Spec = NonNullable<Deployment['spec']>

const metadata = {
  name: 'web',
  namespace: 'default',
  uid: 'uid',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
}
const podSpec: PodSpec = { containers: [{ name: 'web', image: 'web:1' }] }
const baseSpec: Spec = {
  selector: { matchLabels: { app: 'web' } },
  template: { metadata: { labels: { app: 'web', tier: 'x' } }, spec: podSpec },
}

const deploymentOf = (spec: Partial<Spec> = {}): Deployment => {
  const deployment: Deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: deepCopy(metadata),
    spec: deepCopy({ ...baseSpec, ...spec }),
  }
  Deployment.prepareForCreate!(deployment, { now: NOW })
  Deployment.applyDefaults!(deployment)
  return deployment
}

const shown = (errors: FieldError[]) => errors.map(({ field, message }) => `${field}: ${message}`)
const faultsOf = (spec: Partial<Spec>) => shown(Deployment.validate!(deploymentOf(spec)))

test('a minimal deployment reads back with the defaults of Kubernetes', () => {
  const { spec, status } = deploymentOf()
  assert.equal(status, {})
  assert.equal(spec, {
    ...baseSpec,
    replicas: 1,
    strategy: {
      type: 'RollingUpdate',
      rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' },
    },
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    template: {
      metadata: { labels: { app: 'web', tier: 'x' } },
      spec: {
        containers: [
          {
            name: 'web',
            image: 'web:1',
            imagePullPolicy: 'IfNotPresent',
            terminationMessagePath: '/dev/termination-log',
            terminationMessagePolicy: 'File',
            resources: {},
          },
        ],
        dnsPolicy: 'ClusterFirst',
        restartPolicy: 'Always',
        securityContext: {},
        terminationGracePeriodSeconds: 30,
        schedulerName: 'default-scheduler',
      },
    },
  })
})

test('a strategy that is given keeps what it says', () => {
  assert.equal(deploymentOf({ strategy: { type: 'Recreate' } }).spec!.strategy, {
    type: 'Recreate',
  })
  const partly = deploymentOf({ strategy: { rollingUpdate: { maxSurge: 0 } } }).spec!.strategy!
  assert.equal(partly.rollingUpdate, { maxSurge: 0, maxUnavailable: '25%' })
})

const template = (spec: Partial<PodSpec>): Partial<Spec> => ({
  template: { ...baseSpec.template, spec: { ...podSpec, ...spec } },
})
const rolling = (maxUnavailable: number | string, maxSurge: number | string): Partial<Spec> => ({
  strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable, maxSurge } },
})
const ROLLING = 'spec.strategy.rollingUpdate'

const cases: [Partial<Spec>, string[]][] = [
  [{ replicas: -1 }, ['spec.replicas: Invalid value: -1: must be greater than or equal to 0']],
  [
    { selector: undefined as unknown as Spec['selector'] },
    [
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: {"app":"web","tier":"x"}: `selector` does not match template `labels`',
    ],
  ],
  [
    { selector: {} },
    ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
  ],
  [
    { selector: { matchLabels: { app: 'other' } } },
    [
      'spec.template.metadata.labels: Invalid value: {"app":"web","tier":"x"}: `selector` does not match template `labels`',
    ],
  ],
  [
    { selector: { matchExpressions: [{ key: 'app', operator: 'Is', values: ['web'] }] } },
    [
      'spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
      'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Is","values":["web"]}]}: invalid label selector',
    ],
  ],
  [template({ containers: [] }), ['spec.template.spec.containers: Required value']],
  [
    template({ restartPolicy: 'Never' }),
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  ],
  [
    template({ activeDeadlineSeconds: 5 }),
    [
      'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported',
    ],
  ],
  [
    { strategy: { type: 'Magic' } },
    [
      'spec.strategy: Unsupported value: {"Type":"Magic","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"',
    ],
  ],
  [
    { strategy: { type: 'Recreate', rollingUpdate: {} } },
    [
      "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ],
  ],
  [
    rolling(0, 0),
    [`${ROLLING}.maxUnavailable: Invalid value: 0: may not be 0 when \`maxSurge\` is 0`],
  ],
  [
    rolling('0%', '0%'),
    [`${ROLLING}.maxUnavailable: Invalid value: "0%": may not be 0 when \`maxSurge\` is 0`],
  ],
  [
    rolling('101%', 1),
    [`${ROLLING}.maxUnavailable: Invalid value: "101%": must not be greater than 100%`],
  ],
  [rolling(0, '200%'), []],
  [
    rolling(-1, 1),
    [`${ROLLING}.maxUnavailable: Invalid value: -1: must be greater than or equal to 0`],
  ],
  [
    rolling('a lot', 1),
    [
      `${ROLLING}.maxUnavailable: Invalid value: "a lot": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`,
    ],
  ],
  [
    { minReadySeconds: 600 },
    ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds'],
  ],
  [
    { revisionHistoryLimit: -1 },
    ['spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0'],
  ],
]
for (const [index, [spec, expected]] of cases.entries()) {
  test(`deployment: ${expected[0] ?? `valid case ${index}`}`, () => {
    assert.equal(faultsOf(spec), expected)
  })
}

test('the selector of a deployment is immutable', () => {
  const labels = { app: 'web', tier: 'x' }
  const fault =
    'spec.selector: Invalid value: {"matchLabels":{"app":"web","tier":"x"}}: field is immutable'
  const deployment = deploymentOf({ selector: { matchLabels: labels } })
  assert.equal(shown(Deployment.validateUpdate!(deployment, deploymentOf())), [fault])
})

test('counts in a status fit together', () => {
  const old = deploymentOf()
  old.status = { collisionCount: 2 }
  const next = deepCopy(old)
  next.status = { replicas: 1, updatedReplicas: 2, readyReplicas: -1, collisionCount: 1 }
  assert.equal(shown(Deployment.validateStatusUpdate!(next, old)), [
    'status.readyReplicas: Invalid value: -1: must be greater than or equal to 0',
    'status.updatedReplicas: Invalid value: 2: cannot be greater than status.replicas',
    'status.availableReplicas: Invalid value: 0: cannot be greater than readyReplicas',
    'status.collisionCount: Invalid value: 1: cannot be decremented',
  ])
})

test('the row is the one kubectl shows', () => {
  const row = (columns: typeof Deployment.columns, object: Deployment) =>
    Object.fromEntries(columns.map((each) => [each.name, each.value(object, NOW)]))
  const deployment = deploymentOf({ replicas: 3 })
  deployment.status = { readyReplicas: 2, updatedReplicas: 1, availableReplicas: 2 }
  assert.equal(row(Deployment.columns, deployment), {
    Name: 'web',
    Ready: '2/3',
    'Up-to-date': 1,
    Available: 2,
    Age: '60m',
    Containers: 'web',
    Images: 'web:1',
    Selector: 'app=web',
  })
})

test.run()
