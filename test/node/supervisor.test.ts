import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createSupervisor, stopGroups } from '../../src/node/supervisor.ts'
import { systemClock } from '../../src/std/clock.ts'
import { rootLog } from '../../src/std/log.ts'

const script = (text: string) => ({
  command: process.execPath,
  args: ['-e', text],
})

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const supervised = async (
  act: (
    supervisor: ReturnType<typeof createSupervisor>,
    logFile: string,
    started: AsyncIterator<number>,
  ) => Promise<void>,
) => {
  const folder = mkdtempSync(join(tmpdir(), 'kubus-supervisor-'))
  const pids: number[] = []
  let wake = () => {}
  async function* starts() {
    while (true) {
      while (pids.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      yield pids.shift() as number
    }
  }
  const log = rootLog.child({}, { level: 'silent' })
  const supervisor = createSupervisor(
    { clock: systemClock, log },
    {
      onStart: (_, pid) => {
        pids.push(pid)
        wake()
      },
    },
  )
  try {
    await act(supervisor, join(folder, 'log'), starts())
  } finally {
    await supervisor.stopAll()
    rmSync(folder, { recursive: true })
  }
}

test('a process that is killed is started again', () =>
  supervised(async (supervisor, logFile, started) => {
    supervisor.start({
      name: 'a',
      ...script('setInterval(() => {}, 1000)'),
      logFile,
      reportsReady: false,
    })
    const first = (await started.next()).value
    process.kill(first, 'SIGKILL')
    const second = (await started.next()).value
    assert.is.not(second, first)
    assert.is(supervisor.processes[0]?.restarts, 1)
  }))

test('ready is what the process says over its channel', () =>
  supervised(async (supervisor, logFile) => {
    const process = supervisor.start({
      name: 'a',
      ...script('process.send({ ready: true }); setInterval(() => {}, 1000)'),
      logFile,
      reportsReady: true,
    })
    await process.ready
  }))

test('stopping leaves no process behind, and one that ignores the signal is not restarted', () =>
  supervised(async (supervisor, logFile, started) => {
    supervisor.start({
      name: 'a',
      ...script('setInterval(() => {}, 1000)'),
      logFile,
      reportsReady: false,
    })
    const pid = (await started.next()).value
    await supervisor.stopAll()
    assert.not.ok(isAlive(pid))
  }))

test('replicas stop together, what was started first last', () => {
  const names = ['nats-1', 'nats-2', 'apiserver-1', 'controllers-1', 'apiserver-2', 'nodes']
  assert.equal(
    stopGroups(names, (name) => name),
    [['nodes'], ['controllers-1'], ['apiserver-1', 'apiserver-2'], ['nats-1', 'nats-2']],
  )
})

test('a replica that is slow to stop does not hold up the others', () =>
  supervised(async (supervisor, logFile, started) => {
    const slow = 'process.on("SIGTERM", () => setTimeout(process.exit, 500)); '
    for (const name of ['a-1', 'a-2', 'a-3'])
      supervisor.start({
        name,
        ...script(`${slow} process.send({ ready: true }); setInterval(() => {}, 1000)`),
        logFile,
        reportsReady: true,
      })
    const pids = [await started.next(), await started.next(), await started.next()]
    await Promise.all(supervisor.processes.map(({ ready }) => ready))
    const startedAt = performance.now()
    await supervisor.stopAll()
    assert.ok(performance.now() - startedAt < 1_400)
    assert.not.ok(pids.some(({ value }) => isAlive(value)))
  }))

test('a process that cannot stay up is trouble, told with its last words', () =>
  supervised(async (supervisor, logFile) => {
    supervisor.start({
      ...script('console.error("no disk"); process.exit(1)'),
      name: 'hopeless',
      logFile,
      reportsReady: false,
    })
    assert.is(await supervisor.troubled, `hopeless ends as soon as it starts: no disk (${logFile})`)
  }))

test('a process may say itself that it cannot run', () =>
  supervised(async (supervisor, logFile) => {
    supervisor.start({
      ...script('process.send({ hopeless: "the state is lost" }); setInterval(() => {}, 1000)'),
      name: 'hopeless',
      logFile,
      reportsReady: true,
    })
    assert.is(await supervisor.troubled, 'the state is lost')
  }))

test.run()
