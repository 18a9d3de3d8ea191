import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ConfigSources } from '../../../src/actors/kubelet/environment.ts'
import type { TokenQuery } from '../../../src/actors/kubelet/pod-tokens.ts'
import {
  environmentReferences,
  metadataShown,
  type Volume,
  volumeFiles,
  volumeReferences,
} from '../../../src/actors/kubelet/volume-content.ts'
import { tokenSource } from '../../../src/api/core/service-account-admission.ts'
import { box, podOf } from './pod-fixtures.ts'

const test = suite('volume content')
const base64 = (text: string) => Buffer.from(text).toString('base64')
const sources: ConfigSources = {
  configMap: (name) =>
    name === 'cfg'
      ? ({ data: { a: '1', b: '2' }, binaryData: { c: base64('3') } } as never)
      : undefined,
  secret: (name) => (name === 'key' ? ({ data: { p: base64('s') } } as never) : undefined),
}
const facts = { hostIP: '1.1.1.1', podIP: '2.2.2.2', allocatable: {} }

const show = (volume: Partial<Volume>) => {
  try {
    return volumeFiles(podOf(), { name: 'v', ...volume }, sources, facts, async () => 't')
      ?.map(
        ({ path, data, mode }) =>
          `${path} ${typeof data === 'function' ? 'asked for' : Buffer.from(data)} ${mode.toString(8)}`,
      )
      .join(', ')
  } catch (error) {
    return (error as Error).message
  }
}

const check = (name: string, volume: Partial<Volume>, want: string | undefined) =>
  test(name, () => assert.is(show(volume), want))

check('all keys of a ConfigMap', { configMap: { name: 'cfg' } }, 'a 1 644, b 2 644, c 3 644')
check(
  'chosen keys with modes',
  {
    configMap: {
      name: 'cfg',
      defaultMode: 0o440,
      items: [
        { key: 'a', path: 'x/y' },
        { key: 'b', path: 'z', mode: 0o600 },
      ],
    },
  },
  'x/y 1 440, z 2 600',
)
check(
  'a missing key',
  { configMap: { name: 'cfg', items: [{ key: 'n', path: 'n' }] } },
  'references non-existent config key: n',
)
check('a missing ConfigMap', { configMap: { name: 'none' } }, 'configmap "none" not found')
check('an optional ConfigMap', { configMap: { name: 'none', optional: true } }, '')
check('a Secret', { secret: { secretName: 'key', defaultMode: 0o400 } }, 'p s 400')
check('a missing Secret', { secret: { secretName: 'none' } }, 'secret "none" not found')
check(
  'the downward API',
  { downwardAPI: { items: [{ path: 'ip', fieldRef: { fieldPath: 'status.podIP' } }] } },
  'ip 2.2.2.2 644',
)
check(
  'a projected volume',
  {
    projected: {
      sources: [
        { configMap: { name: 'cfg', items: [{ key: 'a', path: 'a' }] } },
        { secret: { name: 'key' } },
        { serviceAccountToken: { path: 'token' } },
      ],
    },
  },
  'a 1 644, p s 644, token asked for 644',
)
check(
  'of two projections with a file at one path, the later one',
  {
    projected: {
      defaultMode: 0o440,
      sources: [
        { secret: { name: 'key', items: [{ key: 'p', path: 'x' }] } },
        { configMap: { name: 'cfg', items: [{ key: 'a', path: 'x' }] } },
      ],
    },
  },
  'x 1 440',
)
check(
  'all faults of a projected volume',
  { projected: { sources: [{ configMap: { name: 'none' } }, { secret: { name: 'none' } }] } },
  '[configmap "none" not found, secret "none" not found]',
)
check('a volume without files', { emptyDir: {} }, undefined)

const tokenFileOf = async (spec: Parameters<typeof podOf>[0]) => {
  const asked: TokenQuery[] = []
  const getToken = async (query: TokenQuery) => {
    asked.push(query)
    return 'secret'
  }
  const volume: Volume = {
    name: 'v',
    projected: {
      sources: [{ serviceAccountToken: { path: 't', audience: 'a', expirationSeconds: 700 } }],
    },
  }
  const [file] = volumeFiles(podOf(spec), volume, sources, facts, getToken)!
  assert.is(asked.length, 0, 'nobody asks before the file is read')
  assert.is(typeof file!.data === 'function' && (await file!.data()), 'secret')
  assert.equal(asked, [{ expirationSeconds: 700, audience: 'a' }])
  return { mode: file!.mode.toString(8), owner: file!.owner }
}

test('a token is readable by all, or only by the one user or the group of the pod', async () => {
  assert.equal(await tokenFileOf({}), { mode: '644', owner: undefined })
  assert.equal(await tokenFileOf({ securityContext: { fsGroup: 7 } }), {
    mode: '600',
    owner: undefined,
  })
  assert.equal(await tokenFileOf({ securityContext: { runAsUser: 9 } }), { mode: '600', owner: 9 })
  const two = [box('a', { securityContext: { runAsUser: 1 } }), box('b')]
  assert.equal(await tokenFileOf({ containers: two, securityContext: { runAsUser: 1 } }), {
    mode: '600',
    owner: 1,
  })
  assert.equal(await tokenFileOf({ containers: two }), { mode: '644', owner: undefined })
})

test('collects what a pod refers to', () => {
  const pod = podOf({
    volumes: [
      { name: 'a', configMap: { name: 'c1' } },
      { name: 'b', projected: { sources: [{ secret: { name: 's1' } }] } },
    ],
    containers: [
      box('main', {
        envFrom: [{ configMapRef: { name: 'c2' } }],
        env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 's2', key: 'k' } } }],
      }),
    ],
  })
  assert.equal(
    [...volumeReferences(pod).configMaps, ...volumeReferences(pod).secrets],
    ['c1', 's1'],
  )
  const environment = environmentReferences(pod)
  assert.equal([...environment.configMaps, ...environment.secrets], ['c2', 's2'])
})

test('metadata counts as shown only where the downward API shows it in files', () => {
  const items = [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }]
  for (const volume of [
    { downwardAPI: { items } },
    { projected: { sources: [{ downwardAPI: { items } }] } },
  ]) {
    const pod = podOf({ volumes: [{ name: 'v', ...volume }] })
    const labelled = { ...pod, metadata: { ...pod.metadata, labels: { new: 'yes' } } }
    assert.is.not(metadataShown(pod), metadataShown(labelled))
    assert.is(metadataShown(labelled), metadataShown({ ...labelled, status: { phase: 'Running' } }))
  }
  assert.is(metadataShown(podOf({ volumes: [{ name: 'v', emptyDir: {} }] })), '')
  const token = [{ name: 'kube-api-access-x', projected: tokenSource() }]
  assert.is(metadataShown(podOf({ volumes: token })), '', 'its namespace does not change')
})

test.run()
