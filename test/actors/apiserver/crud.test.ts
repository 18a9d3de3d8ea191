/**
 * create, get, list, update and delete over HTTPS.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'

const api = await startTestApiserver()
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const configMap = (name: string, data: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
})

test('a created object comes back completed, and get returns it', async () => {
  const created = await api.call('POST', CONFIG_MAPS, configMap('a', { k: 'v' }))
  assert.is(created.code, 201, created.text)
  const { metadata } = created.json
  assert.match(metadata.uid, /^[0-9a-f-]{36}$/)
  assert.match(metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  assert.match(metadata.resourceVersion, /^\d+$/)
  const read = await api.call('GET', `${CONFIG_MAPS}/a`)
  assert.equal(read.json, created.json)
})

test.after(() => api.stop())
test.run()
