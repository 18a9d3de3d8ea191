/**
 * The real Helm against a whole cluster with simulated containers: install, upgrade, rollback, uninstall.
 */
import { resolve } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ensureTool, type Tool } from '../../src/node/tools.ts'
import { run, startCluster, type TestCluster } from '../support/cluster.ts'

const HELM: Tool = {
  name: 'helm',
  purpose: 'the package manager these tests drive',
  homepage: 'https://github.com/helm/helm/releases',
  environmentVariable: 'KUBUS_HELM',
  minimum: '3.14',
  versionArgs: ['version', '--short'],
  version: '3.22.0',
  releases: {},
  go: { module: 'helm.sh/helm/v3', package: 'helm.sh/helm/v3/cmd/helm' },
}
const CHART = resolve('test/clients/chart')
const test = suite('helm')

let cluster: TestCluster
let helmPath: string

test.before(async () => {
  helmPath = await ensureTool(HELM, { toolsDir: resolve('.kubus/tools') })
  cluster = await startCluster(['--runtime', 'hollow', '--nodes', '2'])
})

test.after(() => cluster?.stop())

const helm = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await run(helmPath, args, { env: cluster.environment })
  if (code !== 0) throw new Error(`helm ${args.join(' ')}: ${stderr}`)
  return stdout
}

const kubectl = (...args: string[]) => cluster.kubectl(args)

test('install waits until the release is ready, its hook and its custom resource included', async () => {
  await helm('install', 'sea', CHART, '--wait', '--timeout', '60s')
  assert.match(await helm('list'), /sea\s+default\s+1\s+.*deployed\s+harbour-0\.1\.0/)
  const ready = await kubectl('get', 'deployment', 'sea', '-o', 'jsonpath={.status.readyReplicas}')
  assert.is(ready, '2')
  assert.is(await kubectl('get', 'ship', 'sea', '-o', 'jsonpath={.spec.colour}'), 'white')
  const hook = await kubectl('get', 'cm', 'sea-pre-install', '-o', 'jsonpath={.data.revision}')
  assert.is(hook, '1')
})

test('upgrade changes what the values say', async () => {
  await helm('upgrade', 'sea', CHART, '--set', 'replicas=3,colour=red', '--wait')
  const wanted = await kubectl('get', 'deployment', 'sea', '-o', 'jsonpath={.spec.replicas}')
  assert.is(wanted, '3')
  assert.is(await kubectl('get', 'ship', 'sea', '-o', 'jsonpath={.spec.colour}'), 'red')
  await kubectl('get', 'cm', 'sea-post-upgrade')
})

test('a value the schema forbids fails the upgrade and says why', async () => {
  const failed = await helm('upgrade', 'sea', CHART, '--set', 'colour=green').then(
    () => undefined,
    (error: Error) => error.message,
  )
  assert.match(failed ?? '', /spec\.colour: Unsupported value: "green"/)
})

test('rollback brings an earlier revision back', async () => {
  await helm('rollback', 'sea', '1', '--wait')
  const wanted = await kubectl('get', 'deployment', 'sea', '-o', 'jsonpath={.spec.replicas}')
  assert.is(wanted, '2')
  assert.is(await kubectl('get', 'ship', 'sea', '-o', 'jsonpath={.spec.colour}'), 'white')
  assert.match(await helm('history', 'sea'), /Rollback to 1/)
})

test('uninstall removes the release and leaves the definition', async () => {
  await helm('uninstall', 'sea', '--wait')
  const left = await kubectl('get', 'deployment,service,ship', '-l', 'app!=x', '-o', 'name')
  assert.is(left.trim(), 'service/kubernetes')
  await kubectl('get', 'crd', 'ships.harbour.example')
  await kubectl('get', 'cm', 'sea-post-delete')
  assert.is((await helm('list', '--all', '-q')).trim(), '')
})

test.run()
