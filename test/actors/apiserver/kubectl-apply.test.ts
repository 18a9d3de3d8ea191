/**
 * The real kubectl with server-side apply, against nats-server, store and apiserver.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startControlPlane, startMaster } from '../../support/control-plane.ts'

const plane = await startControlPlane()
const kubectl = (line: string, input?: string) =>
  plane.kubectl(line.split(' '), input === undefined ? {} : { input })
const failure = async (running: Promise<string>): Promise<string> => {
  try {
    return `it succeeded: ${await running}`
  } catch (error) {
    return (error as Error).message
  }
}

const deployment = (name: string, replicas: number | undefined, image: string, more = ''): string =>
  `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, labels: {app: ${name}}}
spec:
${replicas === undefined ? '' : `  replicas: ${replicas}\n`}  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      containers:
      - name: c
        image: ${image}
${more}`

interface Entry {
  manager: string
  operation: string
  subresource?: string
  fieldsV1: object
}

const managersOf = async (what: string): Promise<string[]> => {
  const text = await kubectl(`get ${what} -o json --show-managed-fields`)
  const { metadata } = JSON.parse(text) as { metadata: { managedFields?: Entry[] } }
  return (metadata.managedFields ?? [])
    .map(
      ({ manager, operation, subresource }) =>
        `${manager} ${operation}${subresource ? ` ${subresource}` : ''}`,
    )
    .sort()
}

test('what is applied on the server is made, kept, changed and given up', async () => {
  const first = deployment('web', 2, 'nginx:1', '        env: [{name: A, value: a}]\n')
  const applied = await kubectl('apply --server-side -f -', first)
  assert.match(applied, 'deployment.apps/web serverside-applied')
  const before = await kubectl('get deployment web -o jsonpath={.metadata.resourceVersion}')
  await kubectl('apply --server-side -f -', first)
  assert.is(await kubectl('get deployment web -o jsonpath={.metadata.resourceVersion}'), before)
  await kubectl('apply --server-side -f -', deployment('web', 3, 'nginx:2'))
  const { spec, metadata } = JSON.parse(await kubectl('get deployment web -o json'))
  assert.is(spec.replicas, 3)
  assert.is(spec.template.spec.containers[0].image, 'nginx:2')
  assert.is(spec.template.spec.containers[0].env, undefined)
  assert.is(metadata.managedFields, undefined, 'kubectl hides them unless asked')
  assert.equal(await managersOf('deployment web'), ['kubectl Apply'])
})

test('a conflict is shown, and overcome by force or by giving the field up', async () => {
  await kubectl('apply --server-side -f -', deployment('fought', 2, 'nginx:1'))
  await kubectl('scale deployment fought --replicas=5')
  const refused = await failure(
    kubectl('apply --server-side -f -', deployment('fought', 2, 'nginx:1')),
  )
  assert.match(
    refused,
    'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas',
  )
  const given = deployment('fought', undefined, 'nginx:1')
  await kubectl('apply --server-side -f -', given)
  assert.is(await kubectl('get deployment fought -o jsonpath={.spec.replicas}'), '5')
  await kubectl('apply --server-side --force-conflicts -f -', deployment('fought', 2, 'nginx:1'))
  assert.is(await kubectl('get deployment fought -o jsonpath={.spec.replicas}'), '2')
  assert.equal(await managersOf('deployment fought'), ['kubectl Apply'])
})

test('two managers share a list by its keys', async () => {
  const service = (name: string, port: number) => `apiVersion: v1
kind: Service
metadata: {name: shared}
spec:
  selector: {app: web}
  ports: [{name: ${name}, port: ${port}}]
`
  await kubectl('apply --server-side --field-manager=one -f -', service('a', 80))
  await kubectl('apply --server-side --field-manager=two -f -', service('b', 443))
  const ports = 'get service shared -o jsonpath={.spec.ports[*].port}'
  assert.equal((await kubectl(ports)).split(' ').sort(), ['443', '80'])
  await kubectl('apply --server-side --field-manager=one -f -', service('c', 8080))
  assert.equal((await kubectl(ports)).split(' ').sort(), ['443', '8080'])
})

test('a client-side apply becomes a server-side one', async () => {
  const made = deployment('moved', 2, 'nginx:1', '        env: [{name: A, value: a}]\n')
  await kubectl('apply -f -', made)
  assert.equal(await managersOf('deployment moved'), ['kubectl-client-side-apply Update'])
  assert.match(await kubectl('apply view-last-applied deployment moved'), 'image: nginx:1')
  await kubectl('apply --server-side -f -', deployment('moved', 3, 'nginx:2'))
  assert.equal(await managersOf('deployment moved'), [
    'kubectl Apply',
    'kubectl-last-applied Apply',
  ])
  const env = 'get deployment moved -o jsonpath={.spec.template.spec.containers[0].env}'
  assert.is(await kubectl(env), '', 'what the client had set alone is gone')
  assert.match(await kubectl('apply view-last-applied deployment moved'), 'image: nginx:2')
  const back = await kubectl('apply -f -', deployment('moved', 4, 'nginx:2'))
  assert.match(back, 'deployment.apps/moved configured')
  assert.is(await kubectl('get deployment moved -o jsonpath={.spec.replicas}'), '4')
})

test('edit, label, patch and replace are updates of kubectl', async () => {
  await kubectl('create configmap hand --from-literal=a=1')
  assert.equal(await managersOf('configmap hand'), ['kubectl-create Update'])
  await kubectl('label configmap hand x=y')
  await kubectl('patch configmap hand -p {"data":{"b":"2"}}')
  assert.equal(await managersOf('configmap hand'), [
    'kubectl-create Update',
    'kubectl-label Update',
    'kubectl-patch Update',
  ])
  const shown = await kubectl('get configmap hand -o yaml --show-managed-fields')
  assert.match(shown, /f:data:\n +f:b: \{\}/)
})

test('a dry run and a diff of an apply change nothing', async () => {
  const dry = await kubectl(
    'apply --server-side --dry-run=server -f -',
    deployment('never', 1, 'i'),
  )
  assert.match(dry, 'serverside-applied (server dry run)')
  assert.match(await failure(kubectl('get deployment never')), 'NotFound')
  const difference = await failure(
    kubectl('diff --server-side -f -', deployment('web', 3, 'nginx:3')),
  )
  assert.match(difference, 'image: nginx:3')
})

test('a replica that starts later reads the managers from the stream', async () => {
  const second = await startMaster(plane.nats, { replica: 2 })
  try {
    const url = '/api/v1/namespaces/default/configmaps/hand'
    const { json } = await second.api.call('GET', url)
    assert.equal((json.metadata.managedFields as Entry[]).map(({ manager }) => manager).sort(), [
      'kubectl-create',
      'kubectl-label',
      'kubectl-patch',
    ])
  } finally {
    await second.stop()
  }
})

test.after(() => plane.stop())
test.run()
