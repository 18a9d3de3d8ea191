import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AdmissionAttributes } from '../../../../src/actors/apiserver/admission/plugin.ts'
import { serviceAccount } from '../../../../src/actors/apiserver/admission/service-account.ts'
import type { Services } from '../../../../src/actors/apiserver/services.ts'
import { Pod } from '../../../../src/api/core/pod.ts'
import type { ServiceAccount } from '../../../../src/api/core/service-account.ts'
import type { StatusError } from '../../../../src/api/status-error.ts'
import { memoryStorage } from '../../../support/memory-storage.ts'
import { virtualClock } from '../../../support/virtual-clock.ts'

const test = suite('the ServiceAccount admission plug-in')

type Spec = NonNullable<Pod['spec']>

const account = (more: Partial<ServiceAccount> = {}, name = 'default') =>
  ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    ...more,
    metadata: {
      namespace: 'shop',
      name,
      uid: 'u-1',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...more.metadata,
    },
  }) as ServiceAccount

const podOf = (spec: Partial<Spec> = {}, annotations?: Record<string, string>) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', ...(annotations ? { annotations } : {}) },
    spec: { containers: [{ name: 'main', image: 'web:1' }], ...spec },
  }) as Pod

const arrange = (...accounts: ServiceAccount[]) => {
  const clock = virtualClock()
  const storage = memoryStorage()
  for (const one of accounts) storage.cache.put(one)
  const services = { storage, clock } as unknown as Services
  const attributes = (object: Pod, more: Partial<AdmissionAttributes> = {}) =>
    ({
      services,
      kind: Pod,
      operation: 'CREATE',
      subresource: undefined,
      namespace: 'shop',
      name: 'web',
      object,
      ...more,
    }) as AdmissionAttributes
  return { clock, storage, attributes }
}

/** The pod as it would be stored. */
const admitted = async (pod: Pod, ...accounts: ServiceAccount[]): Promise<Spec> => {
  const { attributes } = arrange(...accounts)
  await serviceAccount.mutate?.(attributes(pod))
  await serviceAccount.validate?.(attributes(pod))
  return pod.spec!
}

const refusalOf = async (run: () => unknown): Promise<string> => {
  try {
    await run()
  } catch (error) {
    assert.is((error as StatusError).code, 403)
    return (error as Error).message
  }
  return 'admitted'
}

const PATH = '/var/run/secrets/kubernetes.io/serviceaccount'

test('a pod gets the default account and its token, as Kubernetes mounts it', async () => {
  const spec = await admitted(podOf({ initContainers: [{ name: 'init' }] }), account())
  assert.is(spec.serviceAccountName, 'default')
  assert.is(spec.serviceAccount, 'default')
  const name = spec.volumes![0]!.name
  assert.match(name, /^kube-api-access-[a-z0-9]{5}$/)
  assert.equal(spec.volumes, [
    {
      name,
      projected: {
        sources: [
          { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
          { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
          {
            downwardAPI: {
              items: [
                {
                  path: 'namespace',
                  fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' },
                },
              ],
            },
          },
        ],
        defaultMode: 420,
      },
    },
  ])
  const mounts = [{ name, readOnly: true, mountPath: PATH }]
  assert.equal(spec.containers[0]!.volumeMounts, mounts)
  assert.equal(spec.initContainers![0]!.volumeMounts, mounts)
})

test('the wish of the pod counts before the one of its account', async () => {
  const no = account({ automountServiceAccountToken: false })
  assert.is((await admitted(podOf(), no)).volumes, undefined)
  const wanted = await admitted(podOf({ automountServiceAccountToken: true }), no)
  assert.is(wanted.volumes!.length, 1)
  const unwanted = await admitted(podOf({ automountServiceAccountToken: false }), account())
  assert.is(unwanted.volumes, undefined)
})

test('a container that mounts something at that path keeps it; without need there is no volume', async () => {
  const own = { name: 'own', mountPath: PATH }
  const spec = await admitted(
    podOf({
      volumes: [{ name: 'own', emptyDir: {} }],
      containers: [{ name: 'main', volumeMounts: [own] }],
    }),
    account(),
  )
  assert.equal(spec.containers[0]!.volumeMounts, [own])
  assert.equal(spec.volumes, [{ name: 'own', emptyDir: {} }])
})

test('a volume of that name is taken for the token', async () => {
  const spec = await admitted(
    podOf({ volumes: [{ name: 'kube-api-access-mine', emptyDir: {} }] }),
    account(),
  )
  assert.is(spec.volumes!.length, 1)
  assert.is(spec.containers[0]!.volumeMounts![0]!.name, 'kube-api-access-mine')
})

test('pull secrets of the account are for pods that name none', async () => {
  const puller = account({ imagePullSecrets: [{ name: 'registry' }] })
  assert.equal((await admitted(podOf(), puller)).imagePullSecrets, [{ name: 'registry' }])
  const own = [{ name: 'mine' }]
  const spec = await admitted(podOf({ imagePullSecrets: own }), puller)
  assert.equal(spec.imagePullSecrets, own)
})

test('an account that does not exist is refused at once, the default one is waited for', async () => {
  const { attributes, clock, storage } = arrange()
  const missing = await refusalOf(() =>
    serviceAccount.mutate?.(attributes(podOf({ serviceAccountName: 'robot' }))),
  )
  assert.is(
    missing,
    'pods "web" is forbidden: error looking up service account shop/robot: serviceaccount "robot" not found',
  )
  const pod = podOf()
  const waiting = serviceAccount.mutate?.(attributes(pod))
  await clock.advance(100)
  storage.cache.put(account())
  await waiting
  assert.is(pod.spec!.volumes!.length, 1)
  storage.cache.remove(account())
  const late = refusalOf(() => serviceAccount.mutate?.(attributes(podOf())))
  await clock.advance(2000)
  assert.match(await late, /serviceaccount "default" not found/)
})

test('a refusal names what a name will be made of', async () => {
  const { attributes } = arrange()
  const pod = podOf({ serviceAccountName: 'robot' })
  pod.metadata = { namespace: 'shop', generateName: 'web-' } as Pod['metadata']
  const text = await refusalOf(() => serviceAccount.mutate?.(attributes(pod, { name: '' })))
  assert.match(text, /^pods "web-" is forbidden/)
})

test('a mirror pod may use nothing of the cluster and gets nothing', async () => {
  const mirror = (spec: Partial<Spec>) => podOf(spec, { 'kubernetes.io/config.mirror': 'hash' })
  const refused = (spec: Partial<Spec>) => refusalOf(() => admitted(mirror(spec)))
  assert.is(
    await refused({ serviceAccountName: 'default' }),
    'pods "web" is forbidden: a mirror pod may not reference service accounts',
  )
  const noSecrets = 'pods "web" is forbidden: a mirror pod may not reference secrets'
  assert.is(await refused({ imagePullSecrets: [{ name: 'registry' }] }), noSecrets)
  assert.is(await refused({ volumes: [{ name: 'v', secret: { secretName: 's' } }] }), noSecrets)
  assert.is(
    await refused({
      volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }],
    }),
    'pods "web" is forbidden: a mirror pod may not use ServiceAccountToken volume projections',
  )
  const spec = await admitted(mirror({}))
  assert.is(spec.serviceAccountName, undefined)
  assert.is(spec.volumes, undefined)
})

const strict = account({
  metadata: { annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } } as never,
  secrets: [{ name: 'mine' }],
  imagePullSecrets: [{ name: 'registry' }],
  automountServiceAccountToken: false,
})
const isNot = 'is not allowed because service account default does not reference that'
const env = (name: string) => [{ name: 'KEY', valueFrom: { secretKeyRef: { name, key: 'k' } } }]

test('an account may limit the secrets that its pods refer to', async () => {
  const refused = (spec: Partial<Spec>) => refusalOf(() => admitted(podOf(spec), strict))
  assert.is(await refused({ volumes: [{ name: 'v', secret: { secretName: 'mine' } }] }), 'admitted')
  assert.is(
    await refused({ volumes: [{ name: 'v', secret: { secretName: 'other' } }] }),
    `pods "web" is forbidden: volume with secret.secretName="other" ${isNot} secret`,
  )
  assert.is(
    await refused({ initContainers: [{ name: 'init', env: env('other') }] }),
    `pods "web" is forbidden: init container init with envVar KEY referencing secret.secretName="other" ${isNot} secret`,
  )
  assert.is(
    await refused({
      containers: [{ name: 'main', envFrom: [{ secretRef: { name: 'other' } }] }],
    }),
    `pods "web" is forbidden: container main with envFrom referencing secret.secretName="other" ${isNot} secret`,
  )
  assert.is(
    await refused({ imagePullSecrets: [{ name: 'registry' }, { name: 'other' }] }),
    `pods "web" is forbidden: imagePullSecrets[1].name="other" ${isNot} imagePullSecret`,
  )
})

test('the limit holds for ephemeral containers that join later', async () => {
  const { attributes } = arrange(strict)
  const join = (name: string) =>
    refusalOf(() =>
      serviceAccount.validate?.(
        attributes(
          podOf({
            serviceAccountName: 'default',
            ephemeralContainers: [{ name: 'debug', env: env(name) }],
          }),
          { operation: 'UPDATE', subresource: 'ephemeralcontainers' },
        ),
      ),
    )
  assert.is(await join('mine'), 'admitted')
  assert.is(
    await join('other'),
    `pods "web" is forbidden: ephemeral container debug with envVar KEY referencing secret.secretName="other" ${isNot} secret`,
  )
})

test('nothing else passes here', () => {
  assert.ok(serviceAccount.handles(Pod, 'CREATE', undefined))
  assert.ok(serviceAccount.handles(Pod, 'UPDATE', 'ephemeralcontainers'))
  assert.not(serviceAccount.handles(Pod, 'UPDATE', undefined))
  assert.not(serviceAccount.handles(Pod, 'CREATE', 'binding'))
  assert.not(serviceAccount.handles(Pod, 'DELETE', undefined))
})

test.run()
