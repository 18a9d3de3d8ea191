import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ConfigMap } from '../../../src/api/core/config-map.ts'
import { freePortBlock } from '../../support/cluster.ts'
import { type NatsServer, startNatsServer } from '../../support/nats-server.ts'
import { configMap, putWrite, type StoreProcess, storeProcess } from './store-harness.ts'

const startCluster = async (): Promise<NatsServer[]> => {
  // Below the range that the servers' own ports come from.
  const first = await freePortBlock(3)
  const ports = [first, first + 1, first + 2]
  const routes = ports.map((port) => `"nats://127.0.0.1:${port}"`).join(', ')
  return Promise.all(
    ports.map((port, index) =>
      startNatsServer({
        config: `server_name: n${index}
cluster { name: test, listen: "127.0.0.1:${port}", routes: [${routes}] }`,
      }),
    ),
  )
}

test('three servers, two stores: the death of any server loses no acknowledged write', async () => {
  const servers = await startCluster()
  const urls = servers.map(({ url }) => url)
  const stores: StoreProcess[] = []
  try {
    for (let at = 0; at < 2; at++) stores.push(await storeProcess(urls, 'kubus', 3))
    await writeWhileServersDie(servers, stores)
  } finally {
    for (const store of stores) await store.stop()
    for (const server of servers) await server.stop()
  }
})

const writeWhileServersDie = async (servers: NatsServer[], stores: StoreProcess[]) => {
  const fence = {
    component: 'leader',
    revision: await stores[0]!.storage.takeFence('leader', 0, 'test'),
  }
  const acknowledged = new Map<string, number>()
  const failures: unknown[] = []
  let next = 0
  const write = async (index: number) => {
    const { storage } = stores[index % 2]!
    while (next < 4_000) {
      const name = `c-${next++}`
      const proof = index < 8 ? fence : undefined
      await storage.write(putWrite(configMap(name), 0, proof)).then(
        (revision) => acknowledged.set(name, revision),
        (error: unknown) => failures.push(error),
      )
    }
  }
  const killing = (async () => {
    for (const [index, server] of servers.entries()) {
      while (acknowledged.size + failures.length < 1_000 * (index + 1))
        await new Promise((resolve) => setTimeout(resolve, 5))
      await server.kill()
      await new Promise((resolve) => setTimeout(resolve, 300))
      await server.restart()
    }
  })()
  await Promise.all([killing, ...Array.from({ length: 32 }, (_, index) => write(index))])
  assert.equal(failures, [])
  await stores[1]!.storage.barrier(ConfigMap)
  const missing = [...acknowledged].filter(
    ([name, revision]) =>
      stores[1]!.cache.get(ConfigMap, 'default', name)?.metadata.resourceVersion !==
      String(revision),
  )
  assert.equal(missing, [])
}

test.run()
