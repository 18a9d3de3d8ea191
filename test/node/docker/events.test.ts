import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEngine, DEFAULT_SOCKET } from '../../../src/node/docker/engine.ts'
import { followEvents, runtimeEvent } from '../../../src/node/docker/events.ts'
import { LABEL } from '../../../src/node/docker/labels.ts'
import { removeClusterFromEngine } from '../../../src/node/docker/removal.ts'
import type { RuntimeEvent } from '../../../src/node/runtime.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { rootLog } from '../../../src/std/log.ts'
import { ensureTestImage, TEST_IMAGE } from '../../support/images.ts'

const cluster = `test-events-${process.pid}`
const log = rootLog.child({}, { level: 'silent' })

test('the engine’s events become the port’s', () => {
  const event = (Action: string, attributes: Record<string, string>) =>
    runtimeEvent({
      Action,
      Actor: { ID: 'id1', Attributes: attributes },
      timeNano: 1_700_000_000_500_000_000,
    })
  const labels = { [LABEL.type]: 'container', [LABEL.container]: 'app', [LABEL.podUid]: 'u1' }
  const died = event('die', { ...labels, exitCode: '137' })
  assert.equal(
    [died?.type, died?.container, died?.exitCode, died?.pod.uid, died?.atMs],
    ['exited', 'app', 137, 'u1', 1_700_000_000_500],
  )
  assert.is(event('start', { [LABEL.type]: 'podsandbox' })?.container, undefined)
  assert.is(event('exec_die', labels), undefined)
  assert.is(event('die', { [LABEL.type]: 'probe' }), undefined)
})

test('a cut connection is opened again, and the gap is told', async () => {
  await ensureTestImage()
  const folder = await mkdtemp(join(tmpdir(), 'kubus-events-'))
  const socketPath = join(folder, 'engine.sock')
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const engine = connect(DEFAULT_SOCKET)
    sockets.add(client)
    client.on('error', () => undefined).on('close', () => engine.destroy())
    engine.on('error', () => undefined).on('close', () => client.destroy())
    client.pipe(engine).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  const events: RuntimeEvent[] = []
  let gaps = 0
  const done = new AbortController()
  followEvents(
    { docker: connectEngine(socketPath), cluster, node: 'n1', clock: systemClock, log },
    (event) => events.push(event),
    () => gaps++,
    done.signal,
  )
  const docker = connectEngine()
  const makeContainer = () =>
    docker.createContainer({
      Image: TEST_IMAGE,
      Labels: { [LABEL.cluster]: cluster, [LABEL.node]: 'n1', [LABEL.type]: 'container' },
    })
  const until = async (what: () => boolean) => {
    for (let tries = 0; tries < 200 && !what(); tries++) await wait(25)
    assert.ok(what())
  }
  await wait(200)
  const first = await makeContainer()
  await until(() => events.some((event) => event.containerId === first.id))
  for (const socket of sockets) socket.destroy()
  const second = await makeContainer()
  await until(() => gaps > 0 && events.some((event) => event.containerId === second.id))
  assert.equal(
    events.map(({ type, containerId }) => [type, containerId]),
    [
      ['created', first.id],
      ['created', second.id],
    ],
  )
  done.abort()
  server.close()
  for (const socket of sockets) socket.destroy()
  await removeClusterFromEngine({ cluster, stateDir: folder })
  await rm(folder, { recursive: true, force: true })
})

test.run()
