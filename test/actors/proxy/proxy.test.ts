/** The proxy with real nftables, between network namespaces: a host, three pods, a client outside. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type NodeProxy, startProxy } from '../../../src/actors/proxy/proxy.ts'
import type { Bus } from '../../../src/bus/bus.ts'
import type { Client } from '../../../src/client/client.ts'
import { createNftables } from '../../../src/node/nftables.ts'
import { sleep, systemClock } from '../../../src/std/clock.ts'
import { rootLog } from '../../../src/std/log.ts'
import { type EndpointAt, endpointSlice, node, service } from '../../support/build.ts'
import { memoryCache } from '../../support/memory-cache.ts'
import { createNamespaces, type Namespaces } from '../../support/namespaces.ts'

const CLUSTER_IP = '10.96.0.10'
const URL = `http://${CLUSTER_IP}/`
const PODS: { [name: string]: string } = {
  a: '10.231.1.2',
  b: '10.231.2.2',
  c: '10.231.3.2',
}

const test = suite('proxy')
const reason = await createNftables({ table: 'kubus-probe', log: rootLog }).available()
const check = reason ? test.skip : test

let net: Namespaces
let proxy: NodeProxy
const view = memoryCache(node('here').podCIDR('10.231.0.0/16').object)
const web = service('web', CLUSTER_IP).port(80)

const endpoints = (...names: string[]): EndpointAt[] =>
  names.map((name) => ({ ip: PODS[name] ?? '', node: 'here' }))
const setEndpoints = (...names: string[]) =>
  view.put(endpointSlice('web', 8080, endpoints(...names)))
/** Changes are applied within tens of milliseconds; this waits until one shows. */
const until = async (what: () => Promise<boolean>) => {
  for (let attempt = 0; attempt < 50; attempt++) {
    if (await what()) return
    await sleep(50)
  }
  throw new Error('it did not happen')
}
const names = (answers: string[]) => [...new Set(answers.map((one) => one.split(' ')[0]))].sort()

test.before(async () => {
  if (reason) return
  net = createNamespaces()
  for (const [name, ip] of Object.entries(PODS)) await net.addPod(name, ip)
  net.addClient('client')
  const bus = { serve: async () => ({ stop: async () => {} }) } as unknown as Bus
  proxy = await startProxy({
    bus,
    client: {} as Client,
    clock: systemClock,
    log: rootLog.child({}, { level: 'warn' }),
    identity: 'test',
    version: '0',
    node: 'here',
    view,
    ruleset: createNftables({ table: 'kubus-test', log: rootLog, netns: net.host }),
  })
  await proxy.ready
})

test.after(async () => {
  if (reason) return
  await proxy.removeAll()
  await net.remove()
})

check(
  'an unknown service address is not answered, a known one without endpoints refuses',
  async () => {
    view.put(web.object)
    await until(async () => (await net.fetch('client', URL))[0] === 'ECONNREFUSED')
  },
)

check('the load is shared by every endpoint', async () => {
  setEndpoints('a', 'b', 'c')
  await until(async () => (await net.fetch('client', URL))[0]?.includes(' ') ?? false)
  assert.equal(names(await net.fetch('client', URL, 40)), ['a', 'b', 'c'])
})

check('the host itself and pods reach the service', async () => {
  assert.equal(names(await net.fetch('host', URL, 30)), ['a', 'b', 'c'])
  assert.equal(names(await net.fetch('a', URL, 30)), ['a', 'b', 'c'])
})

check('a pod sees the address of the pod that calls, a caller outside is masqueraded', async () => {
  setEndpoints('b')
  await until(async () => names(await net.fetch('client', URL, 10)).join() === 'b')
  assert.is((await net.fetch('a', URL))[0], `b ${PODS['a']}`)
  assert.is((await net.fetch('client', URL))[0], 'b 10.231.2.1')
})

check('a pod reaches itself through its service', async () => {
  assert.is((await net.fetch('b', URL))[0], 'b 10.231.2.1')
})

check('an unknown port of a service address refuses', async () => {
  assert.equal(await net.fetch('client', `http://${CLUSTER_IP}:81/`), ['ECONNREFUSED'])
})

check('a client keeps its endpoint with session affinity', async () => {
  view.put(web.spec({ sessionAffinity: 'ClientIP' }).object)
  setEndpoints('a', 'b', 'c')
  await until(async () => names(await net.fetch('client', URL, 20)).length === 1)
  const [mine] = names(await net.fetch('client', URL, 20))
  assert.equal(names(await net.fetch('client', URL, 20)), [mine])
  const others = ['a', 'b', 'c'].filter((name) => name !== mine)
  setEndpoints(...others)
  await until(async () => !names(await net.fetch('client', URL)).includes(mine))
  view.put(web.object)
})

check('a node port leads to the endpoints from outside and from the host', async () => {
  const open = service('web', CLUSTER_IP).spec({ type: 'NodePort' }).port(80, { nodePort: 30080 })
  view.put(open.object)
  setEndpoints('a', 'b')
  const url = 'http://10.232.0.1:30080/'
  await until(async () => (await net.fetch('client', url))[0]?.includes(' ') ?? false)
  assert.equal(names(await net.fetch('client', url, 30)), ['a', 'b'])
  assert.equal(names(await net.fetch('host', url, 30)), ['a', 'b'])
})

check('externalTrafficPolicy Local shows the caller to the pod', async () => {
  const open = service('web', CLUSTER_IP)
    .spec({ type: 'NodePort', externalTrafficPolicy: 'Local' })
    .port(80, { nodePort: 30080 })
  view.put(open.object)
  const url = 'http://10.232.0.1:30080/'
  await until(async () => (await net.fetch('client', url))[0]?.endsWith(' 10.232.0.2') ?? false)
})

check('no request fails while endpoints come and go', async () => {
  view.put(web.object)
  setEndpoints('a', 'b', 'c')
  await until(async () => names(await net.fetch('client', URL, 20)).length === 3)
  let done = false
  const churn = (async () => {
    for (let round = 0; !done; round++) {
      setEndpoints('a', round % 2 ? 'b' : 'c')
      await sleep(15)
    }
  })()
  const answers = await net.fetch('client', URL, 300)
  done = true
  await churn
  assert.equal(
    answers.filter((answer) => !answer.includes(' ')),
    [],
  )
})

check('a service that is deleted leaves no rules, and its chains go later', async () => {
  view.remove(web.object)
  view.remove(endpointSlice('web', 8080, []))
  await until(async () => !(await net.fetch('client', URL))[0]?.includes(' '))
})

test.run()
