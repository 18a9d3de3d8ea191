/**
 * Claims, volumes and classes of their attributes stay while something uses them.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { attributesClassProtection } from '../../../../src/actors/controllers/volumes/attributes-class-protection.ts'
import { claimProtection } from '../../../../src/actors/controllers/volumes/claim-protection.ts'
import { volumeProtection } from '../../../../src/actors/controllers/volumes/volume-protection.ts'
import { PersistentVolume } from '../../../../src/api/core/persistent-volume.ts'
import { PersistentVolumeClaim } from '../../../../src/api/core/persistent-volume-claim.ts'
import { Pod } from '../../../../src/api/core/pod.ts'
import type { AnyKind } from '../../../../src/api/kind.ts'
import type { KubernetesObject, ObjectMeta } from '../../../../src/api/meta.ts'
import { VolumeAttributesClass } from '../../../../src/api/storage/volume-attributes-class.ts'
import { createWorld } from '../world.ts'

const CLAIM = 'kubernetes.io/pvc-protection'
const VOLUME = 'kubernetes.io/pv-protection'
const CLASS = 'kubernetes.io/vac-protection'
const DELETED = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 }

const make = <T extends KubernetesObject>(
  kind: AnyKind,
  metadata: Partial<ObjectMeta>,
  more: object = {},
): T =>
  ({
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: {
      uid: `uid-${metadata.name}`,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(kind.namespaced ? { namespace: 'default' } : {}),
      ...metadata,
    },
    ...more,
  }) as unknown as T

const claim = (metadata: Partial<ObjectMeta>, more: object = {}) =>
  make<PersistentVolumeClaim>(PersistentVolumeClaim, { name: 'data', ...metadata }, more)

const podUsing = (volume: object, spec: object = { nodeName: 'one' }, metadata = {}) =>
  make<Pod>(
    Pod,
    { name: 'user', ...metadata },
    { spec: { ...spec, volumes: [{ name: 'v', ...volume }] } },
  )

const BY_NAME = { persistentVolumeClaim: { claimName: 'data' } }
const EPHEMERAL = { ephemeral: { volumeClaimTemplate: { spec: {} } } }

const finalizersAfter = async (
  controller: typeof claimProtection,
  kind: AnyKind,
  object: KubernetesObject,
  ...others: KubernetesObject[]
) => {
  const world = createWorld([controller], object, ...others)
  await world.clock.advance(1000)
  const { namespace, name } = object.metadata
  const { finalizers } = world.cache.get(kind, namespace, name)?.metadata ?? {}
  await world.group.stop()
  return finalizers
}

const ofClaim = (object: KubernetesObject, ...others: KubernetesObject[]) =>
  finalizersAfter(claimProtection, PersistentVolumeClaim, object, ...others)

test('what was there before the plug-in gets its finalizer', async () => {
  assert.equal(await ofClaim(claim({})), [CLAIM])
  const volume = make(PersistentVolume, { name: 'disk', finalizers: ['other/one'] })
  const kept = await finalizersAfter(volumeProtection, PersistentVolume, volume)
  assert.equal(kept, ['other/one', VOLUME])
})

test('a claim that nothing uses goes', async () => {
  const going = { ...DELETED, finalizers: [CLAIM, 'other/one'] }
  assert.equal(await ofClaim(claim(going)), ['other/one'])
  const elsewhere = podUsing({ persistentVolumeClaim: { claimName: 'another' } })
  assert.equal(await ofClaim(claim(going), elsewhere), ['other/one'])
})

test('a claim stays while a pod on a node uses it', async () => {
  const going = claim({ ...DELETED, finalizers: [CLAIM] })
  assert.equal(await ofClaim(going, podUsing(BY_NAME)), [CLAIM])
  const unscheduled = await ofClaim(
    claim({ ...DELETED, finalizers: [CLAIM, 'x/y'] }),
    podUsing(BY_NAME, {}),
  )
  assert.equal(unscheduled, ['x/y'])
})

test('a claim of a volume that was made for a pod stays with that pod alone', async () => {
  const own = { apiVersion: 'v1', kind: 'Pod', name: 'user', controller: true }
  const going = (uid: string) =>
    claim({
      ...DELETED,
      name: 'user-v',
      finalizers: [CLAIM, 'x/y'],
      ownerReferences: [{ ...own, uid }],
    })
  assert.equal(await ofClaim(going('uid-user'), podUsing(EPHEMERAL)), [CLAIM, 'x/y'])
  assert.equal(await ofClaim(going('uid-other'), podUsing(EPHEMERAL)), ['x/y'])
  const over = podUsing(EPHEMERAL, { nodeName: 'one' }, DELETED)
  assert.equal(await ofClaim(going('uid-user'), over), ['x/y'])
})

test('a claim goes when the last pod that uses it does', async () => {
  const going = claim({ ...DELETED, finalizers: [CLAIM, 'x/y'] })
  const pod = podUsing(BY_NAME)
  const world = createWorld([claimProtection], going, pod)
  const finalizers = () =>
    world.cache.get(PersistentVolumeClaim, 'default', 'data')?.metadata.finalizers
  await world.clock.advance(1000)
  assert.equal(finalizers(), [CLAIM, 'x/y'])
  world.cache.remove(pod)
  await world.clock.advance(1000)
  assert.equal(finalizers(), ['x/y'])
  await world.group.stop()
})

test('a volume stays while it is bound', async () => {
  const going = (phase: string) =>
    make(
      PersistentVolume,
      { name: 'disk', ...DELETED, finalizers: [VOLUME, 'x/y'] },
      { status: { phase } },
    )
  const after = (phase: string) => finalizersAfter(volumeProtection, PersistentVolume, going(phase))
  assert.equal(await after('Bound'), [VOLUME, 'x/y'])
  assert.equal(await after('Released'), ['x/y'])
})

test('a class of attributes stays while a volume or a claim names it', async () => {
  const going = make(VolumeAttributesClass, {
    name: 'gold',
    ...DELETED,
    finalizers: [CLASS, 'x/y'],
  })
  const after = (...others: KubernetesObject[]) =>
    finalizersAfter(attributesClassProtection, VolumeAttributesClass, going, ...others)
  assert.equal(await after(), ['x/y'])
  const spec = { volumeAttributesClassName: 'gold' }
  assert.equal(await after(make(PersistentVolume, { name: 'disk' }, { spec })), [CLASS, 'x/y'])
  const status = { currentVolumeAttributesClassName: 'gold' }
  assert.equal(await after(claim({}, { status })), [CLASS, 'x/y'])
})

test.run()
