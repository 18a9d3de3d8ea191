/**
 * Quotas under many writers at once, on several apiservers, one of which is killed in the middle.
 *
 * The file is a process of its own twice: as the test, and as the replica that is killed.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:https'
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startControllers } from '../../../../src/actors/controllers/controllers.ts'
import { ConfigMap } from '../../../../src/api/core/config-map.ts'
import { Pod } from '../../../../src/api/core/pod.ts'
import { ResourceQuota } from '../../../../src/api/core/resource-quota.ts'
import { connectBus } from '../../../../src/bus/nats-bus.ts'
import { createClient } from '../../../../src/client/bus-client.ts'
import { openCache } from '../../../../src/client/stream-cache.ts'
import { systemClock } from '../../../../src/std/clock.ts'
import { eventually } from '../../../support/cluster.ts'
import { startMaster } from '../../../support/control-plane.ts'
import { type NatsServer, startNatsServer } from '../../../support/nats-server.ts'

const LOG = pino({ level: process.env['KUBUS_LOG'] ?? 'warn' })
const REPLICA = 'replica'

/** A cache and the quota controller, as in a process of their own. */
const startQuotaController = async (nats: NatsServer) => {
  const clock = systemClock
  const { bus, streams } = await connectBus({ servers: [nats.url], name: 'quota', log: LOG, clock })
  const cache = await openCache({ streams, clock, log: LOG })
  const ports = { bus, clock, log: LOG, version: '0.1.0' }
  const controllers = await startControllers(
    { ...ports, client: createClient(ports), cache, identity: 'quota-1' },
    { only: ['resource-quota'] },
  )
  return {
    cache,
    stop: async () => {
      await controllers.stop()
      await cache.stop()
      await bus.drain()
    },
  }
}

const race = async () => {
  const nats = await startNatsServer()
  const masters = await Promise.all([startMaster(nats), startMaster(nats, { replica: 2 })])
  const controller = await startQuotaController(nats)
  return {
    nats,
    apis: masters.map(({ api }) => api),
    cache: controller.cache,
    stop: async () => {
      await controller.stop()
      for (const { stop } of masters) await stop()
      await nats.stop()
    },
  }
}

const beReplica = async () => {
  const { api } = await startMaster({ url: process.argv[3]! } as NatsServer, { replica: 3 })
  process.send!({ port: api.port, admin: api.pki.admin })
}

const defineTests = async () => {
  const plane = await race()
  const { apis, cache } = plane
  const usedOf = (name: string): number =>
    Number(cache.get(ResourceQuota, 'default', name)?.status?.used?.[name] ?? -1)
  const createQuota = async (name: string, most: number) => {
    const spec = { hard: { [name]: String(most) } }
    const path = '/api/v1/namespaces/default/resourcequotas'
    const { code, text } = await apis[0]!.call('POST', path, {
      metadata: { name: name.replace('/', '-') },
      spec,
    })
    assert.is(code, 201, text)
  }

  test('racing creates on two replicas never pass a quota, and it is never counted too low', async () => {
    const path = '/api/v1/namespaces/default/configmaps'
    await createQuota('configmaps', 60)
    await eventually(() => usedOf('configmaps') >= 0, 'a first count')
    let most = 0
    const low: string[] = []
    const off = cache.subscribe(({ kind }) => {
      if (kind !== ConfigMap && kind !== ResourceQuota) return
      const count = cache.list(ConfigMap, { namespace: 'default' }).length
      most = Math.max(most, count)
      // The count comes right behind what it counts.
      if (kind === ResourceQuota && usedOf('configmaps') < count)
        low.push(`${usedOf('configmaps')} of ${count}`)
    })
    const codes = new Map<number, number>()
    const worker = async (index: number) => {
      for (let round = 0; round < 12; round++) {
        const api = apis[(index + round) % 2]!
        const name = `c-${index}-${round}`
        const { code, text } = await api.call('POST', path, { metadata: { name } })
        codes.set(code, (codes.get(code) ?? 0) + 1)
        if (code === 403)
          assert.match(
            text,
            /exceeded quota: configmaps, requested: configmaps=1, used: configmaps=60, limited: configmaps=60/,
          )
        if (code === 201 && round % 3 === 0) await api.call('DELETE', `${path}/${name}`)
      }
    }
    await Promise.all(Array.from({ length: 20 }, (_, index) => worker(index)))
    const count = () => cache.list(ConfigMap, { namespace: 'default' }).length
    await eventually(() => usedOf('configmaps') === count(), 'the exact count')
    off()
    assert.equal([...codes.keys()].sort(), [201, 403])
    assert.equal(low, [])
    assert.is(most, 60)
  })

  test('of one name created twice at once one is charged', async () => {
    await createQuota('count/secrets', 100)
    const used = () =>
      cache.get(ResourceQuota, 'default', 'count-secrets')?.status?.used?.['count/secrets']
    await eventually(() => used() === '0', 'a first count')
    const path = '/api/v1/namespaces/default/secrets'
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        apis[index % 2]!.call('POST', path, { metadata: { name: `s-${index % 10}` } }),
      ),
    )
    assert.equal(
      [201, 409].map((wanted) => answers.filter(({ code }) => code === wanted).length),
      [10, 30],
    )
    const { json } = await apis[1]!.call(
      'GET',
      '/api/v1/namespaces/default/resourcequotas/count-secrets',
    )
    assert.is(json.status.used['count/secrets'], '10')
  })

  test('a replica that is killed in the middle leaves nothing charged that is not there', async () => {
    await createQuota('count/pods', 1000)
    const used = () =>
      Number(cache.get(ResourceQuota, 'default', 'count-pods')?.status?.used?.['count/pods'] ?? -1)
    await eventually(() => used() === 0, 'a first count')
    const child = fork(process.argv[1]!, [REPLICA, plane.nats.url])
    const [{ port, admin }] = await once(child, 'message')
    const create = (index: number) =>
      new Promise<void>((resolve) => {
        const pod = {
          metadata: { name: `p-${index}` },
          spec: { containers: [{ name: 'c', image: 'i' }] },
        }
        const call = request(
          {
            port,
            method: 'POST',
            path: '/api/v1/namespaces/default/pods',
            headers: { 'content-type': 'application/json' },
            cert: admin.certificate,
            key: admin.key,
            rejectUnauthorized: false,
          },
          (response) => response.resume().on('close', resolve),
        )
        call.on('error', () => resolve())
        call.end(JSON.stringify(pod))
      })
    const creates = Array.from({ length: 200 }, (_, index) => create(index))
    const count = () => cache.list(Pod, { namespace: 'default' }).length
    await eventually(() => count() > 20, 'the first pods')
    child.kill('SIGKILL')
    await Promise.all(creates)
    await eventually(() => used() === count(), 'the exact count')
    const { text } = await apis[0]!.call(
      'GET',
      '/api/v1/namespaces/default/resourcequotas/count-pods',
    )
    assert.is(JSON.parse(text).status.used['count/pods'], String(count()))
  })

  test.after(() => plane.stop())
}

await (process.argv[2] === REPLICA ? beReplica() : defineTests())
test.run()
