import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type ConfigSources,
  environmentOf,
  expand,
  fieldValue,
  resourceValue,
  serviceEnvironment,
} from '../../../src/actors/kubelet/environment.ts'
import type { PodContainer } from '../../../src/actors/kubelet/pod-view.ts'
import type { Service } from '../../../src/api/core/service.ts'
import { box, podOf } from './pod-fixtures.ts'

const test = suite('environment')

const sources: ConfigSources = {
  configMap: (name) =>
    name === 'cfg' ? ({ data: { color: 'green', 'some.key': 'x' } } as never) : undefined,
  secret: (name) =>
    name === 'key'
      ? ({ data: { password: Buffer.from('s3').toString('base64') } } as never)
      : undefined,
}
const facts = { hostIP: '192.168.1.1', podIP: '10.0.0.2', allocatable: { cpu: '4', memory: '8Gi' } }
const none = new Map<string, string>()

const envOf = (container: Partial<PodContainer>, services = none) =>
  Object.fromEntries(environmentOf(podOf(), box('main', container), sources, facts, services))
const failure = (container: Partial<PodContainer>) => {
  try {
    envOf(container)
    return 'no failure'
  } catch (error) {
    return (error as Error).message
  }
}

const values: Record<string, string> = { A: 'a', B: 'b' }
for (const [text, want] of [
  ['plain', 'plain'],
  ['$(A)-$(B)', 'a-b'],
  ['$$(A)', '$(A)'],
  ['$(MISSING)', '$(MISSING)'],
  ['$A $$ $(A', '$A $ $(A'],
] as const)
  test(`expands ${text}`, () =>
    assert.is(
      expand(text, (name) => values[name]),
      want,
    ))

test('resolves every source, in order, with earlier names visible to later ones', () => {
  assert.equal(
    envOf({
      envFrom: [{ prefix: 'P_', configMapRef: { name: 'cfg' } }, { secretRef: { name: 'key' } }],
      env: [
        { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'cfg', key: 'color' } } },
        { name: 'PASS', valueFrom: { secretKeyRef: { name: 'key', key: 'password' } } },
        { name: 'TEXT', value: '$(COLOR) $(P_color) $(LATER)' },
        { name: 'LATER', value: '1' },
        { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        {
          name: 'GONE',
          valueFrom: { configMapKeyRef: { name: 'none', key: 'x', optional: true } },
        },
      ],
    }),
    {
      P_color: 'green',
      'P_some.key': 'x',
      password: 's3',
      COLOR: 'green',
      PASS: 's3',
      TEXT: 'green green $(LATER)',
      LATER: '1',
      NAME: 'web',
    },
  )
})

test('lets own variables win over those of services', () => {
  const services = new Map([['WEB_PORT', 'tcp://1.2.3.4:80']])
  assert.equal(envOf({ env: [{ name: 'X', value: '$(WEB_PORT)' }] }, services), {
    X: 'tcp://1.2.3.4:80',
    WEB_PORT: 'tcp://1.2.3.4:80',
  })
  assert.is(envOf({ env: [{ name: 'WEB_PORT', value: '1' }] }, services)['WEB_PORT'], '1')
})

for (const [name, source, want] of [
  ['a ConfigMap', { configMapKeyRef: { name: 'x', key: 'k' } }, 'configmap "x" not found'],
  ['a Secret', { secretKeyRef: { name: 'x', key: 'k' } }, 'secret "x" not found'],
  [
    'a key of a ConfigMap',
    { configMapKeyRef: { name: 'cfg', key: 'k' } },
    "couldn't find key k in ConfigMap default/cfg",
  ],
  [
    'a key of a Secret',
    { secretKeyRef: { name: 'key', key: 'k' } },
    "couldn't find key k in Secret default/key",
  ],
] as const)
  test(`says that ${name} is missing as Kubernetes does`, () =>
    assert.is(failure({ env: [{ name: 'A', valueFrom: source }] }), want))

for (const [path, want] of [
  ['metadata.uid', 'u1'],
  ['metadata.namespace', 'default'],
  ["metadata.labels['app']", 'web'],
  ['metadata.labels', 'app="web"\nzone="a\\"b"'],
  ['spec.nodeName', 'n1'],
  ['status.podIP', '10.0.0.2'],
  ['status.hostIP', '192.168.1.1'],
] as const)
  test(`reads ${path}`, () => {
    const pod = podOf({}, { metadata: { labels: { zone: 'a"b', app: 'web' } } })
    assert.is(fieldValue(pod, path, facts), want)
  })

for (const [resource, divisor, want] of [
  ['limits.cpu', undefined, '1'],
  ['limits.cpu', '1m', '250'],
  ['requests.memory', '1Mi', '64'],
  ['limits.memory', undefined, String(8 * 2 ** 30)],
] as const)
  test(`reads ${resource} in units of ${divisor ?? '1'}`, () => {
    const container = box('main', {
      resources: { limits: { cpu: '250m' }, requests: { memory: '64Mi' } },
    })
    const selector = { resource, ...(divisor ? { divisor } : {}) }
    assert.is(resourceValue(podOf(), container, selector, facts.allocatable), want)
  })

test('names services as Kubernetes does', () => {
  const service = (name: string, clusterIP: string) =>
    ({
      metadata: { name, namespace: 'default' },
      spec: { clusterIP, ports: [{ name: 'http', port: 80, protocol: 'TCP' }, { port: 81 }] },
    }) as Service
  assert.equal(
    Object.fromEntries(
      serviceEnvironment([service('my-web', '10.96.0.5'), service('headless', 'None')]),
    ),
    {
      MY_WEB_SERVICE_HOST: '10.96.0.5',
      MY_WEB_SERVICE_PORT: '80',
      MY_WEB_SERVICE_PORT_HTTP: '80',
      MY_WEB_PORT: 'tcp://10.96.0.5:80',
      MY_WEB_PORT_80_TCP: 'tcp://10.96.0.5:80',
      MY_WEB_PORT_80_TCP_PROTO: 'tcp',
      MY_WEB_PORT_80_TCP_PORT: '80',
      MY_WEB_PORT_80_TCP_ADDR: '10.96.0.5',
      MY_WEB_PORT_81_TCP: 'tcp://10.96.0.5:81',
      MY_WEB_PORT_81_TCP_PROTO: 'tcp',
      MY_WEB_PORT_81_TCP_PORT: '81',
      MY_WEB_PORT_81_TCP_ADDR: '10.96.0.5',
    },
  )
})

test.run()
