/**
 * Encryption at rest and the audit log of a whole cluster, as an operator uses them.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventually, startCluster } from '../support/cluster.ts'

const cluster = await startCluster(['--runtime', 'hollow'])
test.after(() => cluster.stop())

const PASSWORD = 'correct horse battery staple'
const CODED = Buffer.from(PASSWORD).toString('base64')

/** All that nats-server has on disk. */
const stored = (): string => {
  const folder = join(cluster.data, 'nats')
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.blk'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('')
}

const secretOf = async (name: string) =>
  (await cluster.kubectl(['get', 'secret', name, '-o', 'jsonpath={.data.password}'])).trim()

test('a Secret is nowhere on disk as it is, a ConfigMap is', async () => {
  const literal = `--from-literal=password=${PASSWORD}`
  await cluster.kubectl(['create', 'secret', 'generic', 'one', literal])
  await cluster.kubectl(['create', 'configmap', 'plain', `--from-literal=password=${PASSWORD} too`])
  const disk = stored()
  assert.ok(disk.includes(`${PASSWORD} too`))
  assert.not(disk.includes(CODED))
  assert.ok(disk.includes('k8s:enc:aesgcm:v1:key1:'))
  assert.is(await secretOf('one'), CODED)
  assert.is(statSync(join(cluster.data, 'encryption.yaml')).mode & 0o777, 0o600)
})

test('a new key seals everything again, while the cluster runs', async () => {
  const before = await cluster.kubus(['encryption', '--data', cluster.data])
  assert.is(before.stdout, 'secrets: aesgcm with key1\n')
  const rotated = await cluster.kubus(['encryption', 'rotate', '--data', cluster.data])
  assert.is(rotated.code, 0, rotated.stderr)
  assert.match(
    rotated.stdout,
    /^key2 seals what is written from now on\nsecrets: \d+ written again\n$/,
  )
  assert.is(await secretOf('one'), CODED)
  await cluster.kubectl(['create', 'secret', 'generic', 'two', '--from-literal=password=x'])
  assert.ok(stored().includes('k8s:enc:aesgcm:v1:key2:'))
})

test('a configuration that is not usable leaves the keys from before in use', async () => {
  const file = join(cluster.data, 'encryption.yaml')
  const good = readFileSync(file, 'utf8')
  writeFileSync(file, good.replace(/secret: .*/, 'secret: c2hvcnQ='))
  const status = await cluster.kubus(['encryption', '--data', cluster.data])
  assert.is(status.code, 1)
  assert.match(
    status.stderr,
    /encryption.yaml is not usable: .*must be base64 of 16, 24 or 32 bytes/,
  )
  await cluster.kubectl(['create', 'secret', 'generic', 'three', '--from-literal=password=x'])
  writeFileSync(file, good)
  assert.is(await secretOf('three'), Buffer.from('x').toString('base64'))
})

test('with a policy the next start keeps an audit log, and holds the same objects', async () => {
  const { data } = cluster
  assert.is((await cluster.kubus(['down', '--data', data])).code, 0)
  copyFileSync('examples/audit-policy.yaml', join(data, 'audit-policy.yaml'))
  const up = await cluster.kubus(['up', '--detach', '--data', data])
  assert.is(up.code, 0, up.stderr)
  assert.is(await secretOf('one'), CODED)
  await cluster.kubectl(['delete', 'secret', 'two'])
  const metadata = { name: 'booked', labels: { team: 'a' } }
  const booked = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata })
  await cluster.kubectl(['create', '-f', '-'], booked)
  await cluster.kubectl(['create', 'configmap', 'audited', '--from-literal=a=b'])
  const log = join(data, 'logs', `audit-${cluster.apiPort}.log`)
  const lines = await eventually(() => {
    const text = readFileSync(log, 'utf8')
    return text.includes('"audited"') && text.trimEnd().split('\n')
  }, 'the request is written down')
  const events = lines.map((line) => JSON.parse(line))
  const removed = events.find(
    ({ verb, objectRef }) => verb === 'delete' && objectRef?.resource === 'secrets',
  )
  assert.is(removed.level, 'Metadata')
  assert.is(removed.objectRef.name, 'two')
  const created = events.find(({ objectRef }) => objectRef?.name === 'audited')
  assert.is(created.level, 'Metadata')
  assert.is(created.requestObject, undefined)
  const namespace = events.find(({ objectRef }) => objectRef?.name === 'booked')
  assert.is(namespace.requestObject.metadata.labels.team, 'a')
  assert.is(lines.join('').includes(CODED), false)
  assert.match(execFileSync('stat', ['-c', '%a', log]).toString(), /^600/)
})

test.run()
