/**
 * ClusterIPs and node ports: given once, kept on update, free after deletion, whichever apiserver is asked.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'
import { memoryStorage } from '../../support/memory-storage.ts'

const storage = memoryStorage()
const [one, two] = [await startTestApiserver(storage), await startTestApiserver(storage)]
const SERVICES = '/api/v1/namespaces/default/services'

const service = (name: string, spec: object = {}) => ({
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ port: 80 }], ...spec },
})

test('a Service gets an address of the range', async () => {
  const { json } = await one.call('POST', SERVICES, service('a'))
  assert.match(json.spec.clusterIP, /^10\.96\.\d+\.\d+$/)
  assert.equal(json.spec.clusterIPs, [json.spec.clusterIP])
  assert.equal(json.spec.ipFamilies, ['IPv4'])
  assert.is(json.spec.ipFamilyPolicy, 'SingleStack')
})

test('a headless Service and an ExternalName get none', async () => {
  const headless = await one.call('POST', SERVICES, service('headless', { clusterIP: 'None' }))
  assert.is(headless.json.spec.clusterIP, 'None')
  const external = await one.call('POST', SERVICES, {
    metadata: { name: 'external' },
    spec: { type: 'ExternalName', externalName: 'example.com' },
  })
  assert.is(external.code, 201, external.text)
  assert.is(external.json.spec.clusterIP, undefined)
})

test('an address in use or out of range is refused', async () => {
  await one.call('POST', SERVICES, service('fixed', { clusterIP: '10.96.0.5' }))
  const taken = await two.call('POST', SERVICES, service('thief', { clusterIP: '10.96.0.5' }))
  assert.is(taken.code, 422)
  assert.is(
    taken.json.message,
    'Service "thief" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.5"]: failed to allocate IP 10.96.0.5: provided IP is already allocated',
  )
  const outside = await one.call('POST', SERVICES, service('far', { clusterIP: '10.97.0.5' }))
  assert.match(outside.json.message, 'the provided network does not match the current range')
})

test('an address that somebody reserved is not given away', async () => {
  const reserved = await one.call('POST', '/apis/networking.k8s.io/v1/ipaddresses', {
    metadata: { name: '10.96.0.77' },
    spec: { parentRef: { group: 'example.com', resource: 'things', name: 'thing' } },
  })
  assert.is(reserved.code, 201, reserved.text)
  const refused = await two.call('POST', SERVICES, service('late', { clusterIP: '10.96.0.77' }))
  assert.match(refused.json.message, 'provided IP is already allocated')
  await one.call('DELETE', '/apis/networking.k8s.io/v1/ipaddresses/10.96.0.77')
  const given = await two.call('POST', SERVICES, service('late', { clusterIP: '10.96.0.77' }))
  assert.is(given.code, 201, given.text)
})

test('another range gives addresses as soon as it is ready, until it goes', async () => {
  const ranges = '/apis/networking.k8s.io/v1/servicecidrs'
  const ask = (name: string) =>
    one.call('POST', SERVICES, service(name, { clusterIP: '10.97.0.5' }))
  await one.call('POST', ranges, {
    metadata: { name: 'more', finalizers: ['example.com/held'] },
    spec: { cidrs: ['10.97.0.0/24'] },
  })
  assert.is((await ask('early')).code, 422)
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: '',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  }
  const told = await one.call(
    'PATCH',
    `${ranges}/more/status`,
    { status: { conditions: [ready] } },
    { headers: { 'content-type': 'application/merge-patch+json' } },
  )
  assert.is(told.code, 200, told.text)
  assert.is((await ask('second')).code, 201)
  await one.call('DELETE', `${ranges}/more`)
  await one.call('DELETE', `${SERVICES}/second`)
  assert.is((await ask('third')).code, 422)
})

test('an update without the address keeps it, and so does a patch', async () => {
  const { json: before } = await one.call('GET', `${SERVICES}/a`)
  const updated = await two.call(
    'PUT',
    `${SERVICES}/a`,
    service('a', { sessionAffinity: 'ClientIP' }),
  )
  assert.is(updated.code, 200, updated.text)
  assert.is(updated.json.spec.clusterIP, before.spec.clusterIP)
  const changed = await one.call('PUT', `${SERVICES}/a`, service('a', { clusterIP: '10.96.9.9' }))
  assert.is(changed.code, 422)
})

test('node ports are given, kept and refused in the same way', async () => {
  const type = 'NodePort'
  const { json } = await one.call('POST', SERVICES, service('np', { type }))
  const { nodePort } = json.spec.ports[0]
  assert.ok(nodePort >= 30_000 && nodePort <= 32_767)
  const kept = await two.call('PUT', `${SERVICES}/np`, service('np', { type }))
  assert.is(kept.json.spec.ports[0].nodePort, nodePort)
  const taken = await two.call(
    'POST',
    SERVICES,
    service('np2', { type, ports: [{ port: 80, nodePort }] }),
  )
  assert.is(
    taken.json.message,
    `Service "np2" is invalid: spec.ports[0].nodePort: Invalid value: ${nodePort}: provided port is already allocated`,
  )
  const outside = await one.call(
    'POST',
    SERVICES,
    service('np3', { type, ports: [{ port: 80, nodePort: 80 }] }),
  )
  assert.match(outside.json.message, 'The range of valid ports is 30000-32767')
  const inside = await one.call('PUT', `${SERVICES}/np`, service('np', { type: 'ClusterIP' }))
  assert.is(inside.json.spec.ports[0].nodePort, undefined)
})

test('one port in two protocols has one node port, which no other Service gets', async () => {
  const ports = [
    { name: 'tcp', port: 53 },
    { name: 'udp', port: 53, protocol: 'UDP' },
  ]
  const { json } = await one.call('POST', SERVICES, service('dns', { type: 'NodePort', ports }))
  const [tcp, udp] = json.spec.ports
  assert.is(tcp.nodePort, udp.nodePort)
  const other = [{ port: 5353, protocol: 'SCTP', nodePort: tcp.nodePort }]
  const taken = await two.call(
    'POST',
    SERVICES,
    service('dns2', { type: 'NodePort', ports: other }),
  )
  assert.is(taken.code, 422, taken.text)
})

test('a load balancer has a port for health checks when it needs one, node ports when it wants them', async () => {
  const type = 'LoadBalancer'
  const local = await one.call(
    'POST',
    SERVICES,
    service('local', { type, externalTrafficPolicy: 'Local' }),
  )
  assert.is(local.code, 201, local.text)
  const { healthCheckNodePort, ports } = local.json.spec
  assert.ok(healthCheckNodePort >= 30_000)
  assert.is.not(healthCheckNodePort, ports[0].nodePort)
  const taken = await two.call(
    'POST',
    SERVICES,
    service('np4', { type: 'NodePort', ports: [{ port: 80, nodePort: healthCheckNodePort }] }),
  )
  assert.is(taken.code, 422, taken.text)
  const kept = await two.call(
    'PUT',
    `${SERVICES}/local`,
    service('local', { type, externalTrafficPolicy: 'Local' }),
  )
  assert.is(kept.json.spec.healthCheckNodePort, healthCheckNodePort)
  const without = await one.call(
    'POST',
    SERVICES,
    service('bare', { type, allocateLoadBalancerNodePorts: false }),
  )
  assert.is(without.json.spec.ports[0].nodePort, undefined)
})

test('families that the cluster does not have are refused', async () => {
  const dual = await one.call(
    'POST',
    SERVICES,
    service('dual', { ipFamilyPolicy: 'RequireDualStack' }),
  )
  assert.is(
    dual.json.message,
    'Service "dual" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
  )
  const six = await one.call('POST', SERVICES, service('six', { ipFamilies: ['IPv6'] }))
  assert.is(
    six.json.message,
    'Service "six" is invalid: spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
  )
})

test('a deleted Service frees what it had', async () => {
  await one.call('DELETE', `${SERVICES}/fixed`)
  const again = await two.call('POST', SERVICES, service('again', { clusterIP: '10.96.0.5' }))
  assert.is(again.code, 201, again.text)
})

test('two apiservers at the same time never give the same address or port', async () => {
  const names = Array.from({ length: 60 }, (_, index) => `many-${index}`)
  const answers = await Promise.all(
    names.map((name, index) =>
      (index % 2 ? one : two).call('POST', SERVICES, service(name, { type: 'NodePort' })),
    ),
  )
  for (const answer of answers) assert.is(answer.code, 201, answer.text)
  const addresses = answers.map(({ json }) => json.spec.clusterIP)
  const ports = answers.map(({ json }) => json.spec.ports[0].nodePort)
  assert.is(new Set(addresses).size, names.length)
  assert.is(new Set(ports).size, names.length)
})

test.after(async () => {
  await one.stop()
  await two.stop()
})
test.run()
