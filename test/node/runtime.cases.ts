/**
 * What every `Runtime` must do; the same cases run against the Docker driver and the hollow one.
 */
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type Container,
  type ContainerSpec,
  type LogChunk,
  type Runtime,
  RuntimeError,
  type RuntimeEvent,
} from '../../src/node/runtime.ts'
import { containerSpec, podIdentity, sandboxSpec } from '../support/runtime-specs.ts'

export interface RuntimeUnderTest {
  runtime: Runtime
  /** A second one on the same node, as a restarted kubelet would make. */
  restarted(): Promise<Runtime>
  node: string
  cluster: string
  image: string
}

const eventually = async <T>(
  what: string,
  look: () => Promise<T | undefined | false>,
): Promise<T> => {
  for (let tries = 0; tries < 400; tries++) {
    const found = await look()
    if (found) return found
    await wait(25)
  }
  throw new Error(`never happened: ${what}`)
}

const text = async (chunks: AsyncIterable<LogChunk>, stream?: LogChunk['stream']) => {
  let all = ''
  for await (const chunk of chunks)
    if (!stream || chunk.stream === stream) all += Buffer.from(chunk.data).toString()
  return all
}

const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof RuntimeError ? error.reason : String(error)),
  )

export const runtimeCases = (name: string, subject: () => RuntimeUnderTest) => {
  const startPod = async (changes: Partial<ContainerSpec> = {}) => {
    const { runtime, node, cluster, image } = subject()
    const pod = podIdentity(node, cluster)
    const sandbox = await runtime.createSandbox(sandboxSpec(pod))
    if (!(await runtime.imageStatus(image))) await runtime.pull(image, [])
    const id = await runtime.create(
      containerSpec(pod, sandbox.id, image, {
        command: ['sh', '-c', 'trap "exit 0" TERM; echo up; sleep 600 & wait'],
        ...changes,
      }),
    )
    return { runtime, pod, sandbox, id }
  }
  const endPod = async (sandboxId: string) => {
    const { runtime } = subject()
    await runtime.stopSandbox(sandboxId)
    await runtime.removeSandbox(sandboxId)
  }
  const exited = (id: string): Promise<Container> =>
    eventually('the container exits', async () => {
      const container = await subject().runtime.inspect(id)
      return container?.state === 'exited' && container
    })
  const logsOf = (id: string, query = {}) =>
    subject().runtime.logs(
      id,
      { follow: false, timestamps: false, ...query },
      new AbortController().signal,
    )

  test(`${name}: a sandbox and its container are listed with what the kubelet must know`, async () => {
    const { runtime, pod, sandbox, id } = await startPod({
      labels: { tier: 'front' },
      annotations: { note: 'x' },
    })
    assert.match(sandbox.ip ?? '', /^\d+\.\d+\.\d+\.\d+$/)
    const created = (await runtime.list()).containers.find((c) => c.id === id)
    assert.is(created?.state, 'created')
    await runtime.start(id)
    const { sandboxes, containers } = await runtime.list()
    const listed = sandboxes.find((s) => s.id === sandbox.id)
    assert.is(listed?.state, 'ready')
    assert.is(listed?.ip, sandbox.ip)
    assert.equal(listed?.pod, pod)
    const container = containers.find((c) => c.id === id)
    assert.is(container?.state, 'running')
    assert.is(container?.name, 'app')
    assert.is(container?.sandboxId, sandbox.id)
    assert.is(container?.specHash, 'abc')
    assert.equal(container?.labels, { tier: 'front' })
    assert.equal(container?.annotations, { note: 'x' })
    assert.equal(container?.pod, pod)
    assert.ok((container?.startedAtMs ?? 0) >= (container?.createdAtMs ?? 0))
    await endPod(sandbox.id)
  })

  test(`${name}: an exit code is kept`, async () => {
    const { runtime, sandbox, id } = await startPod({ command: ['sh', '-c', 'exit 3'] })
    await runtime.start(id)
    const container = await exited(id)
    assert.is(container.exitCode, 3)
    assert.ok((container.finishedAtMs ?? 0) >= (container.startedAtMs ?? 0))
    await endPod(sandbox.id)
  })

  test(`${name}: stop lets a program end by itself, and again does nothing`, async () => {
    const { runtime, sandbox, id } = await startPod()
    await runtime.start(id)
    await eventually('the program is up', async () => (await text(logsOf(id))) !== '')
    await runtime.stop(id, 30)
    assert.is((await runtime.inspect(id))?.exitCode, 0)
    await runtime.stop(id, 30)
    await endPod(sandbox.id)
  })

  test(`${name}: stop kills after the grace`, async () => {
    const { runtime, sandbox, id } = await startPod({ command: ['sleep', '600'] })
    await runtime.start(id)
    await runtime.stop(id, 1)
    const container = await runtime.inspect(id)
    assert.is(container?.state, 'exited')
    assert.is(container?.exitCode, 137)
    await endPod(sandbox.id)
  })

  test(`${name}: logs are read by stream, tail and follow`, async () => {
    const { runtime, sandbox, id } = await startPod({
      command: ['sh', '-c', 'echo one; echo two; echo oops >&2; sleep 0.3'],
    })
    await runtime.start(id)
    const followed = await text(logsOf(id, { follow: true }), 'stdout')
    assert.is(followed, 'one\ntwo\n')
    assert.is(await text(logsOf(id), 'stderr'), 'oops\n')
    assert.is((await text(logsOf(id, { tailLines: 1 }))).split('\n').length, 2)
    assert.is(await text(logsOf(id, { tailLines: 0 })), '')
    assert.match(
      await text(logsOf(id, { timestamps: true }), 'stdout'),
      /^\d{4}-\d\d-\d\dT\S+Z one\n/,
    )
    await endPod(sandbox.id)
  })

  test(`${name}: following logs ends with its signal`, async () => {
    const { runtime, sandbox, id } = await startPod()
    await runtime.start(id)
    const stop = new AbortController()
    let seen = ''
    for await (const { data } of runtime.logs(
      id,
      { follow: true, timestamps: false },
      stop.signal,
    )) {
      seen += Buffer.from(data).toString()
      stop.abort()
    }
    assert.is(seen, 'up\n')
    await endPod(sandbox.id)
  })

  test(`${name}: exec gives output, exit code and input back`, async () => {
    const { runtime, sandbox, id } = await startPod()
    await runtime.start(id)
    let out = ''
    let err = ''
    const streams = {
      onStdout: (data: Uint8Array) => {
        out += Buffer.from(data).toString()
      },
      onStderr: (data: Uint8Array) => {
        err += Buffer.from(data).toString()
      },
    }
    const code = await runtime.exec(id, ['sh', '-c', 'echo hi; echo no >&2; exit 7'], streams, {
      tty: false,
    })
    assert.equal([code, out, err], [7, 'hi\n', 'no\n'])
    out = ''
    const input = (async function* () {
      yield Buffer.from('to and ')
      yield Buffer.from('fro')
    })()
    assert.is(await runtime.exec(id, ['cat'], { ...streams, stdin: input }, { tty: false }), 0)
    assert.is(out, 'to and fro')
    assert.is(
      await reasonOf(runtime.exec(id, ['sleep', '60'], streams, { tty: false, timeoutMs: 200 })),
      'Timeout',
    )
    await endPod(sandbox.id)
  })

  test(`${name}: events tell the life of a container in order`, async () => {
    const { runtime } = subject()
    const events: RuntimeEvent[] = []
    const done = new AbortController()
    runtime.events(
      (event) => events.push(event),
      () => undefined,
      done.signal,
    )
    await wait(200)
    const { sandbox, id, pod } = await startPod({ command: ['sh', '-c', 'exit 4'] })
    await runtime.start(id)
    await exited(id)
    await runtime.remove(id)
    await eventually('removed', async () =>
      events.some((event) => event.type === 'removed' && event.containerId === id),
    )
    const own = events.filter((event) => event.containerId === id)
    assert.equal(
      own.map((event) => event.type),
      ['created', 'started', 'exited', 'removed'],
    )
    assert.is(own[2]?.exitCode, 4)
    assert.is(own[2]?.container, 'app')
    assert.is(own[2]?.pod.uid, pod.uid)
    const ofSandbox = events.filter((event) => event.containerId === sandbox.id)
    assert.equal(
      ofSandbox.map((event) => [event.type, event.container]),
      [
        ['created', undefined],
        ['started', undefined],
      ],
    )
    await endPod(sandbox.id)
    await eventually('the sandbox exits', async () =>
      events.some((event) => event.type === 'exited' && event.containerId === sandbox.id),
    )
    done.abort()
  })

  test(`${name}: what runs is found again by a restarted kubelet`, async () => {
    const { sandbox, id, runtime } = await startPod()
    await runtime.start(id)
    const second = await subject().restarted()
    const { sandboxes, containers } = await second.list()
    assert.is(sandboxes.find((s) => s.id === sandbox.id)?.ip, sandbox.ip)
    assert.is(containers.find((c) => c.id === id)?.state, 'running')
    const other = await second.createSandbox(
      sandboxSpec(podIdentity(subject().node, subject().cluster, 'other')),
    )
    assert.is.not(other.ip, sandbox.ip)
    await second.stopSandbox(other.id)
    await second.removeSandbox(other.id)
    await second.stopSandbox(sandbox.id)
    await second.removeSandbox(sandbox.id)
    assert.is(await second.inspect(id), undefined)
  })

  test(`${name}: stopping a sandbox ends its containers; all calls may be repeated`, async () => {
    const { runtime, sandbox, id } = await startPod()
    await runtime.start(id)
    await runtime.stopSandbox(sandbox.id)
    await runtime.stopSandbox(sandbox.id)
    assert.is((await exited(id)).exitCode, 137)
    const { sandboxes } = await runtime.list()
    assert.is(sandboxes.find((s) => s.id === sandbox.id)?.state, 'notReady')
    await runtime.remove(id)
    await runtime.remove(id)
    await runtime.removeSandbox(sandbox.id)
    await runtime.removeSandbox(sandbox.id)
    await runtime.stop(id, 1)
    assert.is(await runtime.inspect(id), undefined)
    assert.is(
      (await runtime.list()).sandboxes.some((s) => s.id === sandbox.id),
      false,
    )
  })

  test(`${name}: a running container is resized without a new start`, async () => {
    const { runtime, sandbox, id } = await startPod({
      resources: { cpuRequestMillis: 100, memoryLimitBytes: 64 << 20 },
    })
    await runtime.start(id)
    const before = await runtime.inspect(id)
    assert.is(before?.resources?.cpuRequestMillis, 100)
    assert.is(before?.resources?.memoryLimitBytes, 64 << 20)
    await runtime.resize(id, {
      cpuRequestMillis: 200,
      cpuLimitMillis: 500,
      memoryLimitBytes: 96 << 20,
    })
    const after = await runtime.inspect(id)
    assert.is(after?.startedAtMs, before?.startedAtMs)
    assert.equal(after?.resources, {
      cpuRequestMillis: 200,
      cpuLimitMillis: 500,
      memoryLimitBytes: 96 << 20,
    })
    await endPod(sandbox.id)
  })

  test(`${name}: a connection to a pod's port carries bytes both ways`, async () => {
    const { runtime, sandbox, id } = await startPod({
      command: ['sh', '-c', 'echo up; nc -l -p 7000 -e cat'],
    })
    await runtime.start(id)
    await eventually('the program is up', async () => (await text(logsOf(id))) !== '')
    const socket = await eventually('the port listens', () =>
      runtime.connect(sandbox.id, 7000).catch(() => undefined),
    )
    socket.write('to and fro')
    const [said] = await once(socket, 'data')
    assert.is(String(said), 'to and fro')
    socket.destroy()
    await endPod(sandbox.id)
  })

  test(`${name}: an absent image is an error with its reason`, async () => {
    const { runtime, sandbox, pod } = await startPod()
    const absent = 'kubus.invalid/no-such-image:1'
    assert.is(await runtime.imageStatus(absent), undefined)
    assert.is(
      await reasonOf(runtime.create(containerSpec(pod, sandbox.id, absent, { name: 'b' }))),
      'ImageNotFound',
    )
    assert.match(await reasonOf(runtime.pull(absent, [])), /^Image(NotFound|PullFailed)$/)
    await endPod(sandbox.id)
  })
}
