/**
 * What a claim of devices got, through its status.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'

const api = await startTestApiserver()
const CLAIMS = '/apis/resource.k8s.io/v1/namespaces/default/resourceclaims'
const GPU = { driver: 'gpu.example.com', pool: 'node-1', device: 'gpu-0' }
const result = { request: 'one', ...GPU, tolerations: [{ key: 'a' }] }
const allocation = { devices: { results: [result] } }
const pod = { resource: 'pods', name: 'web', uid: 'uid-1' }

await api.call('POST', CLAIMS, {
  metadata: { name: 'gpus' },
  spec: {
    devices: { requests: [{ name: 'one', exactly: { deviceClassName: 'gpu.example.com' } }] },
  },
})
const setStatus = (status: object) =>
  api.call(
    'PATCH',
    `${CLAIMS}/gpus/status`,
    { status },
    {
      headers: { 'content-type': 'application/merge-patch+json' },
    },
  )
const faults = (answer: { json: { details: { causes: { field: string; message: string }[] } } }) =>
  answer.json.details.causes.map(({ field, message }) => `${field}: ${message}`)

test('a claim is reserved only when it is allocated, with devices that were asked for', async () => {
  assert.equal(faults(await setStatus({ reservedFor: [pod] })), [
    'status.reservedFor: Forbidden: may not be specified when `allocated` is not set',
  ])
  const strange = { ...allocation, devices: { results: [{ ...result, request: 'two' }] } }
  assert.match(
    faults(await setStatus({ allocation: strange })).join(),
    'status.allocation.devices.results[0].request',
  )
})

test('an allocation is made once, with its defaults', async () => {
  const { code, json } = await setStatus({ allocation, reservedFor: [pod] })
  assert.is(code, 200, JSON.stringify(json))
  assert.equal(json.status.allocation.devices.results[0].tolerations, [
    { key: 'a', operator: 'Equal' },
  ])
  const other = { devices: { results: [{ ...result, device: 'gpu-1' }] } }
  assert.match(faults(await setStatus({ allocation: other })).join(), 'field is immutable')
})

test('drivers report devices that are allocated, and what they said goes with the allocation', async () => {
  const stranger = { ...GPU, device: 'gpu-1' }
  assert.match(
    faults(await setStatus({ devices: [stranger] })).join(),
    'must be an allocated device in the claim',
  )
  const networkData = { interfaceName: 'eth1', ips: ['10.0.0.1/24'] }
  assert.is((await setStatus({ devices: [{ ...GPU, networkData }] })).code, 200)
  const freed = await setStatus({ allocation: null, reservedFor: null })
  assert.is(freed.code, 200, freed.text)
  assert.is(freed.json.status.devices, undefined)
})

test.after(() => api.stop())
test.run()
