/**
 * What single plug-ins make of claims, volumes, ingresses, services and Events, after Kubernetes' own cases.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultIngressClass } from '../../../../src/actors/apiserver/admission/default-ingress-class.ts'
import { defaultStorageClass } from '../../../../src/actors/apiserver/admission/default-storage-class.ts'
import { denyServiceExternalIPs } from '../../../../src/actors/apiserver/admission/deny-service-external-ips.ts'
import { eventRateLimit } from '../../../../src/actors/apiserver/admission/event-rate-limit.ts'
import { persistentVolumeClaimResize } from '../../../../src/actors/apiserver/admission/persistent-volume-claim-resize.ts'
import { storageObjectInUseProtection } from '../../../../src/actors/apiserver/admission/storage-object-in-use-protection.ts'
import { Event } from '../../../../src/api/core/event.ts'
import { PersistentVolume } from '../../../../src/api/core/persistent-volume.ts'
import { PersistentVolumeClaim } from '../../../../src/api/core/persistent-volume-claim.ts'
import { Service } from '../../../../src/api/core/service.ts'
import type { AnyKind } from '../../../../src/api/kind.ts'
import type { KubernetesObject } from '../../../../src/api/meta.ts'
import { Ingress } from '../../../../src/api/networking/ingress.ts'
import { IngressClass } from '../../../../src/api/networking/ingress-class.ts'
import { StorageClass } from '../../../../src/api/storage/storage-class.ts'
import { VolumeAttributesClass } from '../../../../src/api/storage/volume-attributes-class.ts'
import { createDesk, stored } from './write.ts'

const DEFAULT_STORAGE = { 'storageclass.kubernetes.io/is-default-class': 'true' }
const DEFAULT_INGRESS = { 'ingressclass.kubernetes.io/is-default-class': 'true' }
const claim = (spec: object, metadata = {}, status: object = {}) =>
  stored<PersistentVolumeClaim>(PersistentVolumeClaim, 'data', { spec, status }, metadata)
const at = (second: number) => ({ creationTimestamp: `2026-01-01T00:00:0${second}Z` })

const classOf = async (
  plugin: typeof defaultStorageClass,
  kind: AnyKind,
  object: KubernetesObject,
  ...classes: KubernetesObject[]
) => {
  const { object: made } = await createDesk([plugin], ...classes).write({ kind, object })
  const { storageClassName, ingressClassName } = (
    made as unknown as { spec: { storageClassName?: string; ingressClassName?: string } }
  ).spec
  return storageClassName ?? ingressClassName
}

test('a claim that names no class gets the default one, the newest of several', async () => {
  const classes = [
    stored(StorageClass, 'plain'),
    stored(StorageClass, 'old', {}, { annotations: DEFAULT_STORAGE, ...at(1) }),
    stored(StorageClass, 'b', {}, { annotations: DEFAULT_STORAGE, ...at(2) }),
    stored(StorageClass, 'a', {}, { annotations: DEFAULT_STORAGE, ...at(2) }),
  ]
  const run = (object: KubernetesObject, ...there: KubernetesObject[]) =>
    classOf(defaultStorageClass, PersistentVolumeClaim, object, ...there)
  assert.is(await run(claim({}), ...classes), 'a')
  assert.is(await run(claim({}), classes[0]!), undefined)
  assert.is(await run(claim({ storageClassName: 'plain' }), ...classes), 'plain')
  assert.is(await run(claim({ storageClassName: '' }), ...classes), '')
  const annotations = { 'volume.beta.kubernetes.io/storage-class': 'x' }
  assert.is(await run(claim({}, { annotations }), ...classes), undefined)
})

test('an ingress that names no class gets the default one', async () => {
  const ingress = (spec: object = {}, metadata = {}) => stored(Ingress, 'web', { spec }, metadata)
  const usual = stored(IngressClass, 'usual', {}, { annotations: DEFAULT_INGRESS })
  const other = stored(IngressClass, 'other')
  const run = (object: KubernetesObject, ...there: KubernetesObject[]) =>
    classOf(defaultIngressClass, Ingress, object, ...there)
  assert.is(await run(ingress(), other, usual), 'usual')
  assert.is(await run(ingress(), other), undefined)
  assert.is(await run(ingress({ ingressClassName: 'other' }), usual), 'other')
  const annotations = { 'kubernetes.io/ingress.class': 'x' }
  assert.is(await run(ingress({}, { annotations }), usual), undefined)
})

test('storage objects are protected from the start', async () => {
  const { write } = createDesk([storageObjectInUseProtection])
  const finalizersOf = async (kind: AnyKind, finalizers?: string[]) =>
    (await write({ kind, object: stored(kind, 'one', {}, finalizers ? { finalizers } : {}) }))
      .object!.metadata.finalizers
  assert.equal(await finalizersOf(PersistentVolumeClaim), ['kubernetes.io/pvc-protection'])
  assert.equal(await finalizersOf(PersistentVolume, ['x/y']), [
    'x/y',
    'kubernetes.io/pv-protection',
  ])
  assert.equal(await finalizersOf(VolumeAttributesClass), ['kubernetes.io/vac-protection'])
  const own = ['kubernetes.io/pvc-protection']
  assert.equal(await finalizersOf(PersistentVolumeClaim, own), own)
})

test('only bound claims grow, where their class lets them', async () => {
  const classes = [
    stored(StorageClass, 'gold', { allowVolumeExpansion: true }),
    stored(StorageClass, 'silver'),
  ]
  const sized = (storage: string, storageClassName = 'gold', phase = 'Bound') =>
    claim({ resources: { requests: { storage } }, storageClassName }, {}, { phase })
  const run = async (object: KubernetesObject, old: KubernetesObject) =>
    (
      await createDesk([persistentVolumeClaimResize], ...classes).write({
        kind: PersistentVolumeClaim,
        operation: 'UPDATE',
        object,
        old,
      })
    ).error?.message
  assert.is(await run(sized('2Gi'), sized('1Gi')), undefined)
  assert.is(await run(sized('1Gi', 'silver'), sized('1Gi', 'silver')), undefined)
  assert.is(
    await run(sized('2Gi'), sized('1Gi', 'gold', 'Pending')),
    'persistentvolumeclaims "data" is forbidden: Only bound persistent volume claims can be expanded',
  )
  const why =
    'persistentvolumeclaims "data" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize'
  assert.is(await run(sized('2Gi', 'silver'), sized('1Gi', 'silver')), why)
  assert.is(await run(sized('2Gi', 'gold'), sized('1Gi', 'silver')), why)
  assert.is(await run(sized('2Gi', ''), sized('1Gi', '')), why)
})

test('a Service gets no external addresses that it did not have', async () => {
  const { write } = createDesk([denyServiceExternalIPs])
  const service = (...externalIPs: string[]) => stored(Service, 'web', { spec: { externalIPs } })
  const refused = 'services "web" is forbidden: Use of external IPs is denied by admission control'
  const created = async (object: object) => (await write({ kind: Service, object })).error?.message
  assert.is(await created(service()), undefined)
  assert.is(await created(service('1.1.1.1')), refused)
  const changed = async (object: object, old: object) =>
    (await write({ kind: Service, operation: 'UPDATE', object, old })).error?.message
  assert.is(await changed(service('1.1.1.1'), service('1.1.1.1', '2.2.2.2')), undefined)
  assert.is(await changed(service('1.1.1.1', '3.3.3.3'), service('1.1.1.1')), refused)
})

test('Events beyond the limit are sent away until time has passed', async () => {
  const plugin = eventRateLimit({
    limits: [
      { type: 'Server', qps: 1, burst: 4 },
      { type: 'User', qps: 1, burst: 2 },
    ],
  })
  const { write, clock } = createDesk([plugin])
  const by = async (name: string, query = '') => {
    const object = stored(Event, 'e', { involvedObject: {} })
    const { error } = await write({ kind: Event, object, user: { name, groups: [] }, query })
    return error && [error.code, error.message]
  }
  assert.is(await by('jane'), undefined)
  assert.is(await by('jane'), undefined)
  assert.equal(await by('jane'), [
    429,
    'Too many requests: limit reached on type User for key jane',
  ])
  assert.is(await by('jane', 'dryRun=All'), undefined)
  assert.is(await by('joe'), undefined)
  assert.equal(await by('joe'), [429, 'Too many requests: limit reached on type Server for key '])
  await clock.advance(1000)
  assert.is(await by('jane'), undefined)
})

test('the bucket that was used longest ago is forgotten first', async () => {
  const plugin = eventRateLimit({
    limits: [{ type: 'SourceAndObject', qps: 1, burst: 1, cacheSize: 2 }],
  })
  const { write } = createDesk([plugin])
  const about = async (name: string) => {
    const object = stored(Event, 'e', { involvedObject: { name } })
    return (await write({ kind: Event, object })).error?.code
  }
  assert.is(await about('a'), undefined)
  assert.is(await about('b'), undefined)
  assert.is(await about('a'), 429)
  assert.is(await about('c'), undefined)
  assert.is(await about('a'), 429)
  assert.is(await about('b'), undefined)
})

test.run()
