/**
 * Claims of devices against the namespace they are in.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'

const api = await startTestApiserver()
const claim = (adminAccess: boolean) => ({
  metadata: { name: `claim-${adminAccess}` },
  spec: {
    devices: {
      requests: [{ name: 'one', exactly: { deviceClassName: 'gpu.example.com', adminAccess } }],
    },
  },
})
const post = (namespace: string, body: object) =>
  api.call('POST', `/apis/resource.k8s.io/v1/namespaces/${namespace}/resourceclaims`, body)

test('access for administration needs a namespace that is made for it', async () => {
  const refused = await post('default', claim(true))
  assert.is(refused.code, 422)
  assert.equal(refused.json.details.causes, [
    {
      reason: 'FieldValueForbidden',
      message:
        'Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace',
      field: 'spec.devices.requests[0].adminAccess',
    },
  ])
  assert.is((await post('default', claim(false))).code, 201)
  const labels = { 'resource.kubernetes.io/admin-access': 'true' }
  await api.call('POST', '/api/v1/namespaces', { metadata: { name: 'admin', labels } })
  const { code, text } = await post('admin', claim(true))
  assert.is(code, 201, text)
})

test.after(() => api.stop())
test.run()
