/**
 * Annotations for profiles of seccomp and AppArmor, alone and beside the fields.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Pod } from '../../../src/api/core/pod.ts'
import type { PodSpec } from '../../../src/api/core/pod-spec-defaults.ts'
import { deepCopy } from '../../../src/api/equality.ts'
import { createPod, shown } from './pod-samples.ts'

const ARMOR = 'container.apparmor.security.beta.kubernetes.io/'
const SECCOMP = 'seccomp.security.alpha.kubernetes.io/pod'

const faults = (annotations: { [key: string]: string }, spec: Partial<PodSpec> = {}): string[] => {
  const pod = createPod(spec)
  pod.metadata.annotations = annotations
  return shown(Pod.validate!(pod))
}

test('profiles have known forms and are about containers of the pod', () => {
  assert.equal(faults({ [`${ARMOR}web`]: 'localhost/mine', [SECCOMP]: 'runtime/default' }), [])
  assert.equal(faults({ [`${ARMOR}other`]: 'mine', [SECCOMP]: 'mine' }), [
    `metadata.annotations.${SECCOMP}: Invalid value: "mine": must be a valid seccomp profile`,
    `metadata.annotations[${ARMOR}other]: Invalid value: "other": container not found`,
    `metadata.annotations[${ARMOR}other]: Invalid value: "mine": invalid AppArmor profile name: "mine"`,
  ])
})

test('a new pod says the same in its annotations as in its fields', () => {
  const securityContext = {
    seccompProfile: { type: 'RuntimeDefault' },
    appArmorProfile: { type: 'Localhost', localhostProfile: 'mine' },
  }
  const agreeing = { [SECCOMP]: 'docker/default', [`${ARMOR}web`]: 'localhost/mine' }
  assert.equal(faults(agreeing, { securityContext }), [])
  const other = { [SECCOMP]: 'unconfined', [`${ARMOR}web`]: 'localhost/other' }
  assert.equal(faults(other, { securityContext }), [
    'spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match',
    'spec.containers[0].securityContext.appArmorProfile.localhostProfile: Forbidden: apparmor profile in annotation and field must match',
  ])
})

test('annotations of AppArmor become fields of a new pod', () => {
  const annotations = {
    [`${ARMOR}web`]: 'localhost/mine',
    [`${ARMOR}other`]: 'runtime/default',
    [`${ARMOR}odd`]: 'localhost/ mine',
  }
  const pod = createPod()
  pod.metadata.annotations = annotations
  const names = ['web', 'other', 'odd', 'plain']
  pod.spec!.containers = names.map((name) => ({ name, image: 'web:1' }))
  pod.spec!.securityContext = { appArmorProfile: { type: 'RuntimeDefault' } }
  Pod.prepareForCreate!(pod, { now: 0 })
  assert.equal(
    pod.spec!.containers.map(({ securityContext }) => securityContext?.appArmorProfile),
    [{ type: 'Localhost', localhostProfile: 'mine' }, undefined, undefined, undefined],
  )
})

test('annotations of AppArmor never change', () => {
  const old = createPod()
  old.metadata.annotations = { [`${ARMOR}web`]: 'unconfined' }
  const removed = deepCopy(old)
  removed.metadata.annotations = {}
  assert.equal(shown(Pod.validateUpdate!(removed, old)), [
    `metadata.annotations[${ARMOR}web]: Forbidden: may not remove or update AppArmor annotations`,
  ])
  assert.equal(shown(Pod.validateUpdate!(old, removed)), [
    `metadata.annotations[${ARMOR}web]: Forbidden: may not add AppArmor annotations`,
  ])
})

test.run()
