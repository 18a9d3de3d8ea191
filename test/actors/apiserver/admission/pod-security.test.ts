/**
 * PodSecurity: what is enforced, warned of and written down, after `pod-security-admission/admission`.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type PodSecurityConfiguration,
  podSecurity,
} from '../../../../src/actors/apiserver/admission/pod-security.ts'
import { Deployment } from '../../../../src/api/apps/deployment.ts'
import { CronJob } from '../../../../src/api/batch/cron-job.ts'
import { Namespace } from '../../../../src/api/core/namespace.ts'
import { Pod } from '../../../../src/api/core/pod.ts'
import type { KubernetesObject } from '../../../../src/api/meta.ts'
import { createDesk, type Outcome, stored, type Wanted } from './write.ts'

const P = 'pod-security.kubernetes.io/'
const labelled = (labels: Record<string, string>) => ({
  labels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [P + key, value])),
})
const aNamespace = (labels: Record<string, string>) =>
  stored<Namespace>(Namespace, 'default', {}, labelled(labels))
const spec = (more: object = {}) => ({ containers: [{ name: 'c', image: 'i:1' }], ...more })
const pod = (name = 'web', more: object = {}, metadata = {}) =>
  stored<Pod>(Pod, name, { spec: spec(more) }, metadata)

const run = (
  labels: Record<string, string>,
  wanted: Wanted,
  configuration: PodSecurityConfiguration = {},
  ...there: KubernetesObject[]
): Promise<Outcome> =>
  createDesk([podSecurity(configuration)], aNamespace(labels), ...there).write(wanted)

const HOST = 'host namespaces (hostNetwork=true)'
const HOST_POD = { kind: Pod, object: pod('web', { hostNetwork: true }) }

test('a pod is refused in Kubernetes’ words', async () => {
  const { error, notes, warnings } = await run({ enforce: 'baseline' }, HOST_POD)
  assert.equal(
    [error?.code, error?.reason, error?.message],
    [403, 'Forbidden', `pods "web" is forbidden: violates PodSecurity "baseline:latest": ${HOST}`],
  )
  assert.equal(warnings, [])
  assert.equal(notes, { [`${P}enforce-policy`]: 'baseline:latest' })
})

test('without labels everything is privileged, and noted as such', async () => {
  const { error, notes } = await run({}, HOST_POD)
  assert.is(error, undefined)
  assert.equal(notes, { [`${P}enforce-policy`]: 'privileged:latest' })
})

test('warnings and audit have levels of their own', async () => {
  const labels = {
    enforce: 'privileged',
    audit: 'baseline',
    'audit-version': 'v1.30',
    warn: 'baseline',
  }
  const { error, notes, warnings } = await run(labels, HOST_POD)
  assert.is(error, undefined)
  assert.equal(warnings, [`would violate PodSecurity "baseline:latest": ${HOST}`])
  assert.equal(notes, {
    [`${P}enforce-policy`]: 'privileged:latest',
    [`${P}audit-violations`]: `would violate PodSecurity "baseline:v1.30": ${HOST}`,
  })
})

test('templates of pods are warned of, not refused', async () => {
  const template = { spec: spec({ hostNetwork: true }) }
  const warning = [`would violate PodSecurity "baseline:latest": ${HOST}`]
  const deployment = stored(Deployment, 'web', { spec: { template } })
  const labels = { enforce: 'baseline', audit: 'baseline' }
  const made = await run(labels, { kind: Deployment, object: deployment })
  assert.is(made.error, undefined)
  assert.equal(made.warnings, warning)
  assert.equal(made.notes, {
    [`${P}audit-violations`]: `would violate PodSecurity "baseline:latest": ${HOST}`,
  })
  const job = stored(CronJob, 'web', { spec: { jobTemplate: { spec: { template } } } })
  assert.equal((await run(labels, { kind: CronJob, object: job })).warnings, warning)
  const scaled = {
    kind: Deployment,
    operation: 'UPDATE' as const,
    subresource: 'scale',
    object: {},
  }
  assert.equal((await run(labels, scaled)).warnings, [])
})

test('an update is judged when it brings an image or a container', async () => {
  const old = pod('web', { hostNetwork: true })
  const update = async (more: object, subresource?: string) => {
    const object = pod('web', { hostNetwork: true, ...more })
    const about = { kind: Pod, operation: 'UPDATE' as const, object, old }
    const wanted = subresource ? { ...about, subresource } : about
    return (await run({ enforce: 'baseline' }, wanted)).error?.code
  }
  assert.is(await update({ activeDeadlineSeconds: 5 }), undefined)
  assert.is(await update({ containers: [{ name: 'c', image: 'i:2' }] }), 403)
  const ephemeralContainers = [{ name: 'e', image: 'x' }]
  assert.is(await update({ ephemeralContainers }, 'ephemeralcontainers'), 403)
  assert.is(await update({ ephemeralContainers }, 'status'), undefined)
})

test('users, namespaces and runtime classes may be exempt', async () => {
  const usernames = ['jane']
  const exempt = async (exemptions: PodSecurityConfiguration['exemptions'], more: object = {}) => {
    const object = pod('web', { hostNetwork: true, ...more })
    const configuration = exemptions ? { exemptions } : {}
    const outcome = await run({ enforce: 'baseline' }, { kind: Pod, object }, configuration)
    return [outcome.error?.code, outcome.notes[`${P}exempt`]]
  }
  assert.equal(await exempt({ usernames }), [undefined, 'user'])
  assert.equal(await exempt({ namespaces: ['default'] }), [undefined, 'namespace'])
  const sandboxed = { runtimeClassName: 'sandbox' }
  assert.equal(await exempt({ runtimeClasses: ['sandbox'] }, sandboxed), [
    undefined,
    'runtimeClass',
  ])
  assert.equal(await exempt({ usernames: ['joe'] }), [403, undefined])
})

test('the operator’s defaults hold where a namespace says nothing', async () => {
  const defaults = { enforce: 'baseline', 'enforce-version': 'v1.20' }
  const { error } = await run({}, HOST_POD, { defaults })
  assert.match(error?.message ?? '', 'violates PodSecurity "baseline:v1.20"')
  assert.is((await run({ enforce: 'privileged' }, HOST_POD, { defaults })).error, undefined)
})

test('labels that cannot be read are refused, unless they were there before', async () => {
  const bad = aNamespace({ enforce: 'strict' })
  const created = await run({}, { kind: Namespace, object: bad })
  assert.is(
    created.error?.message,
    `Namespace "default" is invalid: metadata.labels[${P}enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted`,
  )
  const update = (old: Namespace) =>
    run({}, { kind: Namespace, operation: 'UPDATE', object: bad, old })
  assert.is((await update(aNamespace({}))).error?.code, 422)
  assert.is((await update(bad)).error, undefined)
  const inIt = await run({ enforce: 'strict' }, { kind: Pod, object: pod() })
  assert.match(inIt.error?.message ?? '', 'violates PodSecurity "restricted:latest"')
  assert.match(inIt.notes[`${P}error`] ?? '', 'Failed to parse policy: metadata.labels[')
})

test('a stricter label warns of the pods that are there', async () => {
  const change = async (from: Record<string, string>, to: Record<string, string>, ...pods: Pod[]) =>
    (
      await run(
        {},
        { kind: Namespace, operation: 'UPDATE', object: aNamespace(to), old: aNamespace(from) },
        {},
        ...pods,
      )
    ).warnings
  const bad = (name: string, more: object = {}) => pod(name, { hostNetwork: true, ...more })
  const pods = [pod('fine'), bad('b'), bad('a'), bad('c', { hostPID: true })]
  assert.equal(await change({}, { enforce: 'baseline' }, ...pods), [
    'existing pods in namespace "default" violate the new PodSecurity enforce level "baseline:latest"',
    'a (and 2 other pods): host namespaces',
  ])
  assert.equal(await change({}, { enforce: 'baseline' }, pods[0]!), [])
  assert.equal(await change({ enforce: 'restricted' }, { enforce: 'baseline' }, ...pods), [])
  assert.equal(await change({}, { warn: 'restricted' }, ...pods), [])
  assert.equal(await change({ enforce: 'baseline' }, { enforce: 'privileged' }, ...pods), [])
})

test('of very many pods the first are looked at, one of each controller before others', async () => {
  const owned = {
    ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x', uid: 'x', controller: true }],
  }
  const pods = Array.from({ length: 3001 }, (_, index) => pod(`p${index}`, {}, owned))
  const alone = pod('z-alone', { hostNetwork: true })
  const { write, clock } = createDesk([podSecurity({})], ...pods, alone)
  let outcome: Outcome | undefined
  const object = aNamespace({ enforce: 'baseline' })
  const writing = write({ kind: Namespace, operation: 'UPDATE', object, old: aNamespace({}) })
  writing.then((made) => {
    outcome = made
  })
  // Others have their turn meanwhile.
  while (!outcome) await clock.advance(1)
  const { warnings } = await writing
  assert.equal(warnings, [
    'new PodSecurity enforce level only checked against the first 3000 of 3002 existing pods',
    'existing pods in namespace "default" violate the new PodSecurity enforce level "baseline:latest"',
    'z-alone: host namespaces',
  ])
})

test('an exempt namespace is told that its labels count for nothing', async () => {
  const configuration = { exemptions: { namespaces: ['default'] } }
  const object = aNamespace({ enforce: 'baseline', audit: 'restricted', 'audit-version': 'v1.20' })
  const { warnings } = await run({}, { kind: Namespace, object }, configuration)
  assert.equal(warnings, [
    'namespace "default" is exempt from Pod Security, and the policy (enforce=baseline:latest, audit=restricted:v1.20) will be ignored',
  ])
})

test.run()
