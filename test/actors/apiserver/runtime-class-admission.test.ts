/**
 * Pods and the RuntimeClass they name.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'

const api = await startTestApiserver()
const CLASSES = '/apis/node.k8s.io/v1/runtimeclasses'
const create = (name: string, spec: object) =>
  api.call('POST', '/api/v1/namespaces/default/pods', {
    metadata: { name },
    spec: { containers: [{ name: 'main', image: 'app' }], ...spec },
  })
const refusal = async (name: string, spec: object) => {
  const { code, json } = await create(name, spec)
  assert.is(code, 403)
  return json.message
}

await api.call('POST', CLASSES, { metadata: { name: 'plain' }, handler: 'runc' })
await api.call('POST', CLASSES, {
  metadata: { name: 'sandboxed' },
  handler: 'runsc',
  overhead: { podFixed: { cpu: '10m', memory: '1Mi' } },
  scheduling: {
    nodeSelector: { sandbox: 'yes' },
    tolerations: [
      { key: 'sandbox', operator: 'Exists' },
      { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
    ],
  },
})

test('a pod that names no known class is refused', async () => {
  assert.is(
    await refusal('lost', { runtimeClassName: 'absent' }),
    'pods "lost" is forbidden: pod rejected: RuntimeClass "absent" not found',
  )
  assert.is((await create('plain', { runtimeClassName: 'plain' })).json.spec.overhead, undefined)
})

test('a class that is deleted serves no new pod', async () => {
  await api.call('POST', CLASSES, { metadata: { name: 'brief' }, handler: 'runc' })
  assert.is((await create('before', { runtimeClassName: 'brief' })).code, 201)
  await api.call('DELETE', `${CLASSES}/brief`)
  assert.match(
    await refusal('after', { runtimeClassName: 'brief' }),
    'RuntimeClass "brief" not found',
  )
})

test('the class gives overhead, nodes and tolerations', async () => {
  const own = { key: 'sandbox', operator: 'Equal', value: 'a', effect: 'NoSchedule' }
  const { json } = await create('full', {
    runtimeClassName: 'sandboxed',
    nodeSelector: { disk: 'ssd' },
    tolerations: [own],
  })
  assert.equal(json.spec.overhead, { cpu: '10m', memory: '1Mi' })
  assert.equal(json.spec.nodeSelector, { disk: 'ssd', sandbox: 'yes' })
  /** The pod's own toleration is part of the class's wider one. */
  assert.equal(
    json.spec.tolerations.filter(({ key }: { key: string }) => key === 'sandbox'),
    [{ key: 'sandbox', operator: 'Exists' }],
  )
})

test('a pod that contradicts its class is refused', async () => {
  const asked = { cpu: '20m', memory: '1Mi' }
  assert.match(
    await refusal('costly', { runtimeClassName: 'sandboxed', overhead: asked }),
    "Pod's Overhead doesn't match RuntimeClass's defined Overhead",
  )
  assert.match(
    await refusal('free', { runtimeClassName: 'plain', overhead: asked }),
    'Pod Overhead set without corresponding RuntimeClass defined Overhead',
  )
  assert.match(
    await refusal('elsewhere', { runtimeClassName: 'sandboxed', nodeSelector: { sandbox: 'no' } }),
    'conflict: runtimeClass.scheduling.nodeSelector[sandbox] = yes; pod.spec.nodeSelector[sandbox] = no',
  )
})

test.after(() => api.stop())
test.run()
