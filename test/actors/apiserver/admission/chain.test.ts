/**
 * The chain: which plug-ins run, in which order, and that what they took is settled once.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  AdmissionChain,
  admissionOf,
  admitted,
} from '../../../../src/actors/apiserver/admission/chain.ts'
import type { AdmissionPlugin } from '../../../../src/actors/apiserver/admission/plugin.ts'
import { pluginsOf } from '../../../../src/actors/apiserver/admission/plugins.ts'
import type { ApiRequest } from '../../../../src/actors/apiserver/request.ts'
import type { Services } from '../../../../src/actors/apiserver/services.ts'
import { ConfigMap } from '../../../../src/api/core/config-map.ts'
import { Secret } from '../../../../src/api/core/secret.ts'
import type { KubernetesObject } from '../../../../src/api/meta.ts'
import { forbidden } from '../../../../src/api/status-error.ts'
import { stored } from './write.ts'

const OBJECT = stored<KubernetesObject>(ConfigMap, 'one')

const begin = (plugins: Partial<AdmissionPlugin>[], query = '') => {
  const chain = new AdmissionChain(
    plugins.map((plugin, index) => ({ name: `p${index}`, handles: () => true, ...plugin })),
  )
  const request = {
    verb: 'create',
    kind: ConfigMap,
    namespace: 'default',
    query: new URLSearchParams(query),
  } as unknown as ApiRequest
  const services = { admission: chain } as unknown as Services
  return admissionOf(services, request, 'CREATE')
}

test('what no plug-in handles costs nothing, and is asked once', () => {
  let asked = 0
  const handles: AdmissionPlugin['handles'] = (kind) => {
    asked++
    return kind === Secret
  }
  const chain = new AdmissionChain([{ name: 'secrets', handles, mutate: () => undefined }])
  for (let round = 0; round < 3; round++)
    assert.is(chain.stepsOf(ConfigMap, 'CREATE', undefined), undefined)
  assert.is(asked, 1)
  assert.is(chain.stepsOf(Secret, 'CREATE', undefined)?.mutating.length, 1)
  assert.is(chain.stepsOf(Secret, 'CREATE', 'status')?.mutating.length, 1)
  assert.is(asked, 3)
})

test('plug-ins that answer at once are not waited for, others in their order', async () => {
  const order: string[] = []
  const quick = begin([
    { mutate: () => void order.push('a') },
    { mutate: () => void order.push('b') },
  ])!
  assert.is(quick.mutate(OBJECT, undefined), undefined)
  assert.equal(order, ['a', 'b'])
  const slow = begin([
    { mutate: () => Promise.resolve().then(() => void order.push('c')) },
    { mutate: () => void order.push('d') },
  ])!
  await slow.mutate(OBJECT, undefined)
  assert.equal(order, ['a', 'b', 'c', 'd'])
})

test('mutating plug-ins run once more when one asks for it, and not a third time', () => {
  const order: string[] = []
  const admission = begin([
    { mutate: ({ isReinvocation }) => void order.push(isReinvocation ? 'again' : 'first') },
    {
      mutate: (attributes) => {
        attributes.shouldReinvoke = true
      },
    },
  ])!
  admission.mutate(OBJECT, undefined)
  assert.equal(order, ['first', 'again'])
})

test('what was taken is settled once, with how the write ended', async () => {
  const ends: [string, boolean][] = []
  const taking = (name: string): Partial<AdmissionPlugin> => ({
    validate: () => (committed: boolean) => void ends.push([name, committed]),
  })
  const run = async (
    plugins: Partial<AdmissionPlugin>[],
    write: () => Promise<void>,
    query = '',
  ) => {
    ends.length = 0
    const admission = begin(plugins, query)
    return admitted(admission, OBJECT, undefined, write).then(
      () => 'written',
      (error: unknown) => (error as Error).message,
    )
  }
  const done = () => Promise.resolve()
  assert.is(await run([taking('a'), taking('b')], done), 'written')
  assert.equal(ends, [
    ['a', true],
    ['b', true],
  ])
  assert.is(await run([taking('a')], () => Promise.reject(new Error('lost'))), 'lost')
  assert.equal(ends, [['a', false]])
  await run([taking('a')], done, 'dryRun=All')
  assert.equal(ends, [['a', false]])
  let wrote = false
  const refusing: Partial<AdmissionPlugin> = {
    validate: ({ kind, name }) => {
      throw forbidden(kind, name, 'no')
    },
  }
  const refused = await run([taking('a'), refusing, taking('c')], async () => {
    wrote = true
  })
  assert.match(refused, 'configmaps "one" is forbidden: no')
  assert.equal(ends, [['a', false]])
  assert.not(wrote)
})

test('plug-ins are on and off as in Kubernetes, and may be switched', () => {
  const names = (options: Parameters<typeof pluginsOf>[0]) =>
    pluginsOf(options).map(({ name }) => name)
  const usual = names({})
  for (const name of ['NamespaceLifecycle', 'Priority', 'PodSecurity', 'DefaultStorageClass'])
    assert.ok(usual.includes(name), name)
  for (const name of ['AlwaysPullImages', 'PodNodeSelector', 'EventRateLimit'])
    assert.not(usual.includes(name), name)
  const switched = names({ enable: ['AlwaysPullImages'], disable: ['PodSecurity'] })
  assert.ok(switched.includes('AlwaysPullImages'))
  assert.not(switched.includes('PodSecurity'))
  assert.throws(
    () => pluginsOf({ enable: ['Nothing'] }),
    (error: Error) => error.message === 'enable-admission-plugins plugin "Nothing" is unknown',
  )
  assert.throws(() => pluginsOf({ disable: ['RoleEscalation'] }), /is unknown/)
  assert.throws(() => pluginsOf({ enable: ['Priority'], disable: ['Priority'] }), /overlapped/)
  assert.throws(
    () => pluginsOf({ configuration: { PodSecurity: { defaults: { enforce: 'strict' } } } }),
    /must be one of privileged, baseline, restricted/,
  )
})

test.run()
