import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import { Pod } from '../../../src/api/core/pod.ts'
import { TOKEN_MOUNT_PATH, tokenSource } from '../../../src/api/core/service-account-admission.ts'
import { createHollowVolumes } from '../../../src/node/hollow-volumes.ts'
import type { Volumes } from '../../../src/node/volumes.ts'
import { container, type Harness, startHarness } from './kubelet-harness.ts'

const test = suite('volumes with tokens')

const MINUTE_MS = 60_000

/** Volumes that read every file as soon as they are given it, as those on disk do. */
const readingVolumes = () => {
  const written: string[] = []
  const volumes: Volumes = {
    ...createHollowVolumes(),
    files: async (_uid, _name, files) => {
      const shown = await Promise.all(
        files.map(async ({ path, data }) => {
          const content = typeof data === 'function' ? await data() : data
          return `${path}=${Buffer.from(content)}`
        }),
      )
      written.push(shown.join(' '))
      return '/volume'
    },
  }
  return { volumes, written }
}

const publishAuthority = (harness: Harness, certificate: string) =>
  harness.client.create(ConfigMap, {
    metadata: { name: 'kube-root-ca.crt', namespace: 'default' },
    data: { 'ca.crt': certificate },
  })

const runPod = (harness: Harness) =>
  harness.run('web', {
    serviceAccountName: 'robot',
    volumes: [{ name: 'kube-api-access-x', projected: tokenSource() }],
    containers: [
      container('main', {
        volumeMounts: [{ name: 'kube-api-access-x', mountPath: TOKEN_MOUNT_PATH, readOnly: true }],
      }),
    ],
  })

const askedFor = ({ client }: Harness) =>
  client.calls.filter((call) => call.startsWith('createToken'))

const read = async (harness: Harness, ...command: string[]) => {
  const channel = await harness.operator.open('kubus.node.n1.exec', {
    namespace: 'default',
    name: 'web',
    command,
    stdout: true,
    stderr: true,
  })
  let text = ''
  channel.onFrame((tag, payload) => {
    if (tag < 3) text += Buffer.from(payload).toString()
  })
  await harness.clock.advance(10)
  await channel.closed
  return text
}

test('a token in a file is renewed before it ends, and not after its pod has gone', async () => {
  const { volumes, written } = readingVolumes()
  const harness = await startHarness(['n1'], undefined, volumes)
  await publishAuthority(harness, 'certificate')
  await runPod(harness)
  await harness.clock.advance(100)
  assert.is(written.length, 1)
  assert.match(
    written[0]!,
    /^token=token \d+ of default\/robot ca\.crt=certificate namespace=default$/,
  )
  await harness.clock.advance(47 * MINUTE_MS)
  assert.is(written.length, 1)
  await harness.clock.advance(2 * MINUTE_MS)
  assert.is(written.length, 2)
  assert.is(askedFor(harness).length, 2)
  await harness.client.delete(Pod, 'default', 'web', { gracePeriodSeconds: 0 })
  await harness.clock.advance(120 * MINUTE_MS)
  assert.is(written.length, 2)
  await harness.stop()
})

test('what a volume needs is taken as soon as it is there', async () => {
  const { volumes, written } = readingVolumes()
  const harness = await startHarness(['n1'], undefined, volumes)
  await runPod(harness)
  await harness.clock.advance(50)
  assert.equal(
    harness.events('web').filter((event) => event.includes('FailedMount')),
    [
      'Warning FailedMount: MountVolume.SetUp failed for volume "kube-api-access-x" : configmap "kube-root-ca.crt" not found',
    ],
  )
  await publishAuthority(harness, 'certificate')
  await harness.clock.advance(20)
  assert.is(written.length, 1, 'long before the next try is due')
  await harness.stop()
})

test('a simulated container has no token until somebody reads it', async () => {
  const harness = await startHarness()
  await publishAuthority(harness, 'certificate')
  await runPod(harness)
  await harness.clock.advance(100)
  assert.ok(harness.conditions('web').includes('Ready=True'))
  assert.equal(askedFor(harness), [])
  const path = `${TOKEN_MOUNT_PATH}/token`
  const token = await read(harness, 'cat', path)
  assert.match(token, /^token \d+ of default\/robot$/)
  assert.is(await read(harness, 'sh', '-c', `cat ${path}`), token)
  assert.is(askedFor(harness).length, 1)
  assert.is(await read(harness, 'cat', `${TOKEN_MOUNT_PATH}/namespace`), 'default')
  assert.is(await read(harness, 'cat', `${TOKEN_MOUNT_PATH}/ca.crt`), 'certificate')
  assert.match(await read(harness, 'cat', '/etc/hostname'), /^hollow: /)
  await harness.stop()
})

test.run()
