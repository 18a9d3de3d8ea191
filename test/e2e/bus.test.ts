/**
 * The cluster as an operator sees it on the bus, with the real nats CLI.
 */
import { spawn } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ensureTool, NATS_CLI } from '../../src/node/tools.ts'
import { aloud } from '../support/aloud.ts'
import { eventually, run, startCluster, type TestCluster } from '../support/cluster.ts'
import { natsCommand } from '../support/nats-command.ts'
import { followCommand } from './support/kubectl.ts'

let cluster: TestCluster

test.before(
  aloud(async () => {
    cluster = await startCluster(['--runtime', 'hollow', '--nodes', '2'])
  }),
)

test.after(async () => {
  await cluster?.stop()
})

/** Asks the apiserver over the bus: JSON in, JSON out. */
const ask = async (subject: string, body?: unknown, ...flags: string[]) =>
  JSON.parse(
    await cluster.nats([
      'req',
      '--raw',
      '--no-templates',
      ...flags,
      subject,
      body === undefined ? '' : JSON.stringify(body),
    ]),
  ) as Record<string, never> & {
    kind: string
    metadata: { name: string; resourceVersion: string; deletionTimestamp?: string }
    items: { metadata: { name: string } }[]
    spec: { replicas: number }
    data: Record<string, string>
    message: string
    reason: string
    code: number
    status: string
    details: { causes: { field: string; reason: string }[] }
  }

const deployment = (name: string, replicas: number) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'c', image: 'example:1' }] },
    },
  },
})

test('nats micro ls shows every actor', async () => {
  const listing = await cluster.nats(['micro', 'ls'])
  for (const name of [
    'apiserver',
    'store',
    'events',
    'scheduler',
    'controllers',
    'kubelet-node-1',
    'kubelet-node-2',
  ])
    assert.match(listing, new RegExp(`\\b${name}\\b`))
})

test('nats micro info and stats describe the apiserver', async () => {
  assert.match(await cluster.nats(['micro', 'info', 'apiserver']), /kubus\.api/)
  assert.match(await cluster.nats(['micro', 'stats', 'apiserver']), /Requests|Errors/)
})

test('an object is created, read, listed, patched and deleted by requests', async () => {
  const created = await ask('kubus.api.create.configmaps.default', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'colours' },
    data: { sky: 'blue' },
  })
  assert.is(created.kind, 'ConfigMap')
  assert.ok(Number(created.metadata.resourceVersion) > 0)
  assert.equal((await ask('kubus.api.get.configmaps.default.colours')).data, { sky: 'blue' })
  const list = await ask('kubus.api.list.configmaps.default')
  assert.is(list.kind, 'ConfigMapList')
  assert.ok(list.items.some(({ metadata }) => metadata.name === 'colours'))
  const patched = await ask('kubus.api.patch.configmaps.default.colours', {
    data: { sea: 'green' },
  })
  assert.equal(patched.data, { sky: 'blue', sea: 'green' })
  assert.is((await ask('kubus.api.delete.configmaps.default.colours')).status, 'Success')
  assert.is((await ask('kubus.api.get.configmaps.default.colours')).reason, 'NotFound')
})

test('a Deployment is applied twice and scaled', async () => {
  await ask('kubus.api.apply.deployments.default.web', deployment('web', 1))
  const again = await ask('kubus.api.apply.deployments.default.web', deployment('web', 2))
  assert.is(again.spec.replicas, 2)
  await ask('kubus.api.scale.deployments.default.web', { replicas: 3 })
  await eventually(async () => {
    const pods = await ask('kubus.api.list.pods.default', { labelSelector: 'app=web' })
    return pods.items.length === 3
  }, 'three pods')
  await ask('kubus.api.delete.deployments.default.web')
})

test("bad input gets Kubernetes' own error as JSON", async () => {
  const missing = await ask('kubus.api.get.pods.default.nobody')
  assert.is(missing.code, 404)
  assert.is(missing.message, 'pods "nobody" not found')
  const invalid = await ask('kubus.api.create.deployments.default', {
    ...deployment('Bad_Name', 1),
  })
  assert.is(invalid.code, 422)
  assert.is(invalid.reason, 'Invalid')
  assert.is(invalid.details.causes[0]?.field, 'metadata.name')
  const garbage = await cluster.nats([
    'req',
    '--raw',
    '--no-templates',
    'kubus.api.create.pods.default',
    '{"kind": ',
  ])
  assert.is((JSON.parse(garbage) as { code: number }).code, 400)
})

test('nats sub shows each change of an object once and in order, as JSON', async () => {
  const path = await ensureTool(NATS_CLI, { toolsDir: '.kubus/tools' })
  const listener = spawn(path, ['sub', 'kubus.events.configmaps.default.>'], {
    env: { ...process.env, ...cluster.environment },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let heard = ''
  listener.stdout.on('data', (data) => {
    heard += data
  })
  try {
    // The subscription is active when a change is heard; only then the counted changes begin.
    await eventually(async () => {
      await ask('kubus.api.apply.configmaps.default.probe', {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'probe' },
        data: { at: String(performance.now()) },
      })
      return heard.includes('probe')
    }, 'a first event')
    await ask('kubus.api.create.configmaps.default', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'seen' },
      data: { v: '0' },
    })
    await ask('kubus.api.patch.configmaps.default.seen', { data: { v: '1' } })
    await ask('kubus.api.delete.configmaps.default.seen')
    await eventually(
      () => /configmaps\.default\.seen\.deleted"[\s\S]*?\n\{[^\n]*\n/.test(heard),
      'the deletion',
    )
    const kinds = [...heard.matchAll(/kubus\.events\.configmaps\.default\.seen\.(\w+)/g)].map(
      ([, kind]) => kind,
    )
    assert.equal(kinds, ['added', 'modified', 'deleted'])
    const objects = heard
      .split('\n')
      .filter((line) => line.startsWith('{') && line.includes('"seen"'))
    assert.equal(
      objects.map((line) => (JSON.parse(line) as { data: { v: string } }).data.v),
      ['0', '1', '1'],
    )
  } finally {
    listener.kill()
  }
})

/** The nats CLI as a service account that may view the namespace `told`. */
const reader = async () => {
  const path = await natsCommand()
  const token = (await cluster.kubectl(['create', 'token', 'reader', '-n', 'told'])).trim()
  const entry = ['--token', token, '--inbox-prefix', '_INBOX.system:serviceaccount:told:reader']
  const env = { NATS_URL: cluster.environment['NATS_URL']! }
  return {
    follow: (...args: string[]) => followCommand(path, [...entry, ...args], env),
    run: (...args: string[]) => run(path, [...entry, ...args], { env }),
  }
}

test('a user follows logs where the roles say so, and nowhere else', async () => {
  const { kubectl } = cluster
  await kubectl(['create', 'namespace', 'told'])
  await kubectl(['create', 'serviceaccount', 'reader', '-n', 'told'])
  const account = '--serviceaccount=told:reader'
  await kubectl(['create', 'rolebinding', 'reader', '-n', 'told', '--clusterrole=view', account])
  for (const namespace of ['told', 'default']) {
    const script = `echo one; echo two of ${namespace}; sleep 1000`
    const pod = ['run', 'talker', '-n', namespace, '--image=example:1', '--', 'sh', '-c', script]
    await kubectl(pod)
    await kubectl(['wait', '--for=condition=Ready', 'pod/talker', '-n', namespace])
  }
  const user = await reader()
  const listener = user.follow('sub', '--raw', 'kubus.logs.told.>')
  try {
    const ask = (namespace: string) =>
      user.run('req', '--raw', `kubus.api.logs.pods.${namespace}.talker`, '{"follow": true}')
    assert.equal(JSON.parse((await ask('told')).stdout), {
      subject: 'kubus.logs.told.talker.talker',
      shared: false,
    })
    assert.match(await listener.until(/two of told/), /^one\ntwo of told\n$/)
    assert.is((JSON.parse((await ask('default')).stdout) as { code: number }).code, 403)
    for (const foreign of ['kubus.logs.default.>', 'kubus.logs.>', 'kubus.logs.*.talker.talker']) {
      const { code, stderr } = await user.run('sub', '--raw', foreign)
      assert.is(code, 1)
      assert.match(stderr, 'Permissions Violation for Subscription')
    }
    const forged = await user.run('pub', 'kubus.logs.told.talker.talker', 'not said by it')
    assert.match(forged.stderr, 'Permissions Violation for Publish')
    assert.is(listener.output, 'one\ntwo of told\n')
  } finally {
    await listener.stop()
  }
})

test('nats kv ls kubus lists the keys, escaped so that each has four parts', async () => {
  await cluster.kubectl(['create', 'configmap', 'with.dots'])
  const keys = (await cluster.nats(['kv', 'ls', 'kubus'])).split('\n')
  assert.ok(keys.some((key) => key.includes('core.configmaps.default.with=2Edots')))
  assert.ok(keys.some((key) => key.includes('core.namespaces._.default')))
  await cluster.kubectl(['delete', 'configmap', 'with.dots'])
})

test.run()
