/**
 * Two apiservers, each with a cache of its own, on one nats-server: together they behave as one.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startMaster } from '../../support/control-plane.ts'
import { startNatsServer } from '../../support/nats-server.ts'

const nats = await startNatsServer()
const masters = await Promise.all([startMaster(nats), startMaster(nats, { replica: 2 })])
const [one, two] = masters.map(({ api }) => api) as [
  (typeof masters)[0]['api'],
  (typeof masters)[0]['api'],
]
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'

test('both started at once, and what must exist exists once', async () => {
  const { json } = await one.call('GET', '/api/v1/namespaces')
  assert.is(json.items.length, 4)
  const services = await two.call('GET', '/api/v1/services')
  assert.is(services.json.items.length, 1)
})

test('what one has acknowledged the other shows at once', async () => {
  for (let index = 0; index < 50; index++) {
    const [writer, reader] = index % 2 ? [one, two] : [two, one]
    const name = `seen-${index}`
    const created = await writer.call('POST', CONFIG_MAPS, { metadata: { name } })
    assert.is(created.code, 201)
    assert.is((await reader.call('GET', `${CONFIG_MAPS}/${name}`)).code, 200)
    const updated = await reader.call('PUT', `${CONFIG_MAPS}/${name}`, {
      ...created.json,
      data: { a: 'b' },
    })
    assert.is(updated.code, 200, updated.text)
    const listed = await writer.call('GET', `${CONFIG_MAPS}?fieldSelector=metadata.name%3D${name}`)
    assert.equal(listed.json.items[0].data, { a: 'b' })
    const deleted = await writer.call('DELETE', `${CONFIG_MAPS}/${name}`)
    assert.is(deleted.code, 200)
    const again = await reader.call('POST', CONFIG_MAPS, { metadata: { name } })
    assert.is(again.code, 201, again.text)
  }
})

test('of two creates of one name exactly one succeeds', async () => {
  for (let index = 0; index < 20; index++) {
    const body = { metadata: { name: `race-${index}` } }
    const answers = await Promise.all([one, two].map((api) => api.call('POST', CONFIG_MAPS, body)))
    assert.equal(answers.map(({ code }) => code).sort(), [201, 409])
  }
})

test('a page begun at one is continued at the other', async () => {
  const first = await one.call('GET', `${CONFIG_MAPS}?limit=5`)
  await two.call('DELETE', `${CONFIG_MAPS}/${first.json.items[4].metadata.name}`)
  const token = encodeURIComponent(first.json.metadata.continue)
  const second = await two.call('GET', `${CONFIG_MAPS}?limit=500&continue=${token}`)
  assert.is(first.json.items.length + second.json.items.length, 70)
})

test('addresses are given once, whoever is asked', async () => {
  const services = '/api/v1/namespaces/default/services'
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      (index % 2 ? one : two).call('POST', services, {
        metadata: { name: `s-${index}` },
        spec: { type: 'NodePort', ports: [{ port: 80 }] },
      }),
    ),
  )
  for (const { code, text } of answers) assert.is(code, 201, text)
  assert.is(new Set(answers.map(({ json }) => json.spec.clusterIP)).size, 40)
  assert.is(new Set(answers.map(({ json }) => json.spec.ports[0].nodePort)).size, 40)
  const explicit = await Promise.all(
    [one, two].map((api, index) =>
      api.call('POST', services, {
        metadata: { name: `same-${index}` },
        spec: { clusterIP: '10.96.0.77', ports: [{ port: 80 }] },
      }),
    ),
  )
  assert.equal(explicit.map(({ code }) => code).sort(), [201, 422])
})

test('the endpoints of the API are those that serve', async () => {
  const addresses = async () => {
    const { json } = await one.call(
      'GET',
      '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
    )
    return json.items
      .flatMap((slice: { endpoints: { addresses: string[] }[] }) => slice.endpoints ?? [])
      .flatMap((endpoint: { addresses: string[] }) => endpoint.addresses)
      .sort()
      .join()
  }
  const deadline = performance.now() + 15_000
  while ((await addresses()) !== '192.0.2.10,192.0.2.20' && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 100))
  assert.is(await addresses(), '192.0.2.10,192.0.2.20')
  await masters[1]!.stop()
  assert.is(await addresses(), '192.0.2.10')
})

test.after(async () => {
  await masters[0]!.stop()
  await nats.stop()
})
test.run()
