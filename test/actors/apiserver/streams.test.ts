/**
 * logs, exec and attach: relayed between clients and the node a pod runs on.
 */
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { badRequest, StatusError } from '../../../src/api/status-error.ts'
import type { Channel } from '../../../src/bus/bus.ts'
import { connection, startTestApiserver } from '../../support/api-server.ts'

const api = await startTestApiserver()
const PODS = '/api/v1/namespaces/default/pods'

// biome-ignore lint/suspicious/noExplicitAny: greetings are looked into
const greetings: any[] = []
const onNode = (
  stream: string,
  serve: (channel: Channel, greeting: unknown) => Promise<void> | void,
) =>
  api.bus.accept(`kubus.node.n1.${stream}`, (channel, greeting) => {
    greetings.push(greeting)
    return serve(channel, greeting)
  })

const createPod = async (name: string, containers: string[], node?: string) => {
  await api.call('POST', PODS, {
    metadata: { name },
    spec: { containers: containers.map((container) => ({ name: container, image: 'i' })) },
  })
  if (!node) return
  const target = { kind: 'Node', name: node }
  await api.call('POST', `${PODS}/${name}/binding`, { metadata: { name }, target })
}
await createPod('one', ['c'], 'n1')
await createPod('two', ['a', 'b'], 'n1')
await createPod('refused', ['c'], 'n1')
await createPod('waiting', ['c'])
await createPod('lost', ['c'], 'n2')

onNode('logs', async (channel, greeting) => {
  const { container } = greeting as { container: string }
  if (container === 'a') throw badRequest('container "a" in pod "two" is waiting to start')
  await channel.send(1, `from ${container}\n`)
  await channel.send(1, 'more\n')
  channel.close()
})

test('a log is plain text, and its options reach the node', async () => {
  const answer = await api.call(
    'GET',
    `${PODS}/one/log?follow=true&tailLines=5&timestamps=true&sinceSeconds=60`,
  )
  assert.is(answer.code, 200, answer.text)
  assert.is(answer.headers['content-type'], 'text/plain')
  assert.is(answer.text, 'from c\nmore\n')
  const { uid, ...greeting } = greetings.pop()
  assert.ok(uid)
  assert.equal(greeting, {
    namespace: 'default',
    name: 'one',
    container: 'c',
    follow: true,
    previous: false,
    timestamps: true,
    tailLines: 5,
    sinceSeconds: 60,
  })
})

test('of several containers one must be named', async () => {
  const ambiguous = await api.call('GET', `${PODS}/two/log`)
  assert.is(ambiguous.code, 400)
  assert.is(
    ambiguous.json.message,
    'a container name must be specified for pod two, choose one of: [a b]',
  )
  const wrong = await api.call('GET', `${PODS}/two/log?container=x`)
  assert.is(wrong.json.message, 'container x is not valid for pod two')
  assert.is((await api.call('GET', `${PODS}/two/log?container=b`)).text, 'from b\nmore\n')
})

test('what the node refuses is the answer', async () => {
  const refused = await api.call('GET', `${PODS}/two/log?container=a`)
  assert.is(refused.code, 400)
  assert.is(refused.json.message, 'container "a" in pod "two" is waiting to start')
})

test('what is asked of a log must make sense', async () => {
  const causes = async (query: string) => {
    const { code, json } = await api.call('GET', `${PODS}/one/log?${query}`)
    assert.is(code, 422)
    return json.details.causes
  }
  assert.equal(await causes('tailLines=-1&limitBytes=0&sinceSeconds=0'), [
    {
      reason: 'FieldValueInvalid',
      field: 'tailLines',
      message: 'Invalid value: -1: must be greater than or equal to 0',
    },
    {
      reason: 'FieldValueInvalid',
      field: 'limitBytes',
      message: 'Invalid value: 0: must be greater than 0',
    },
    {
      reason: 'FieldValueInvalid',
      field: 'sinceSeconds',
      message: 'Invalid value: 0: must be greater than 0',
    },
  ])
  const [both] = await causes('sinceSeconds=5&sinceTime=2026-01-01T00:00:00Z')
  assert.match(both.message, 'at most one of `sinceTime` or `sinceSeconds` may be specified')
  assert.is((await causes('stream=Neither'))[0].reason, 'FieldValueNotSupported')
  assert.match((await causes('stream=Stdout&tailLines=1'))[0].message, 'mutually exclusive')
  await api.call('GET', `${PODS}/one/log?stream=Stderr`)
  assert.is(greetings.pop().stream, 'Stderr')
})

test('a pod on no node has nothing to show; one whose node is gone has no log', async () => {
  const waiting = await api.call('GET', `${PODS}/waiting/log`)
  assert.equal([waiting.code, waiting.text], [204, ''])
  const lost = await api.call('GET', `${PODS}/lost/log`)
  assert.is(lost.code, 503)
})

test('the bus answers the last lines as a text', async () => {
  const { data } = await api.bus.request('kubus.api.logs.pods.default.one', { tailLines: 2 })
  assert.is(data, 'from c\nmore\n')
  assert.is(greetings.pop().tailLines, 2)
})

/** Messages of a session until it closes, as `<channel>:<text>`. */
const session = (path: string, protocol: string, input: Buffer[]): Promise<string[]> =>
  new Promise((resolve, reject) => {
    const { ca, cert, key } = connection(api.pki, api.port, api.pki.admin)
    const socket = new WebSocket(`wss://127.0.0.1:${api.port}${path}`, [protocol], {
      ca,
      cert,
      key,
    } as object)
    const received: string[] = []
    socket.on('open', () => {
      assert.is(socket.protocol, protocol)
      for (const message of input) socket.send(message)
    })
    socket.on('message', (data: Buffer) => {
      received.push(`${data[0]}:${data.subarray(1).toString()}`)
    })
    socket.on('close', () => resolve(received))
    socket.on('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => reject(JSON.parse(Buffer.concat(chunks).toString())))
    })
    socket.on('error', reject)
  })

const SUCCESS = JSON.stringify({ metadata: {}, status: 'Success' })

onNode('exec', (channel, greeting) => {
  if ((greeting as { name: string }).name === 'refused')
    throw new StatusError(500, 'InternalError', 'container not found ("c")')
  const typed: string[] = []
  channel.onFrame((tag, payload) => {
    const text = Buffer.from(payload).toString()
    if (tag === 0 && text !== 'bye') typed.push(text)
    if (tag === 4) typed.push(`size ${text}`)
    if (tag !== 255 && text !== 'bye') return
    void (async () => {
      await channel.send(1, `out ${typed.join()}`)
      await channel.send(2, 'err')
      await channel.send(3, SUCCESS)
      channel.close()
    })()
  })
})

/** Only v5 can end its input. */
const ENDS = { 'v5.channel.k8s.io': Buffer.of(255, 0), 'v4.channel.k8s.io': Buffer.from('\x00bye') }

for (const [protocol, end] of Object.entries(ENDS))
  test(`exec relays both directions in ${protocol}`, async () => {
    const path = `${PODS}/one/exec?command=sh&command=-c&command=ls&stdin=true&stdout=true&stderr=true`
    const received = await session(path, protocol, [
      Buffer.from('\x00hello'),
      Buffer.from('\x04{"Width":80,"Height":24}'),
      end,
    ])
    assert.equal(received, [
      '1:',
      '1:out hello,size {"Width":80,"Height":24}',
      '2:err',
      `3:${SUCCESS}`,
    ])
    const { uid: _uid, ...greeting } = greetings.pop()
    assert.equal(greeting, {
      namespace: 'default',
      name: 'one',
      container: 'c',
      command: ['sh', '-c', 'ls'],
      stdin: true,
      stdout: true,
      stderr: true,
      tty: false,
    })
  })

test('exec without streams, or in a container that is not there, is refused before the upgrade', async () => {
  const refused = async (query: string): Promise<string> => {
    try {
      await session(`${PODS}/two/exec?${query}`, 'v5.channel.k8s.io', [])
    } catch (error) {
      return (error as { message: string }).message
    }
    return 'accepted'
  }
  assert.is(
    await refused('command=ls&container=a'),
    'you must specify at least 1 of stdin, stdout, stderr',
  )
  assert.is(
    await refused('command=ls&stdout=true&container=x'),
    'container x is not valid for pod two',
  )
})

test('what the kubelet refuses is its bare text, as clients of Kubernetes expect', async () => {
  const { ca, cert, key } = connection(api.pki, api.port, api.pki.admin)
  const url = `wss://127.0.0.1:${api.port}${PODS}/refused/exec?command=ls&stdout=true`
  const socket = new WebSocket(url, ['v5.channel.k8s.io'], { ca, cert, key } as object)
  const [, response] = await once(socket, 'unexpected-response')
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  assert.is(response.statusCode, 500)
  assert.is(response.headers['content-type'], 'text/plain; charset=utf-8')
  assert.is(Buffer.concat(chunks).toString(), 'container not found ("c")')
})

test('a session whose node dies ends with a failure', async () => {
  onNode('attach', (channel) => {
    channel.close(badRequest('the container is gone').status)
  })
  const received = await session(`${PODS}/one/attach?stdout=true`, 'v5.channel.k8s.io', [])
  assert.match(received.at(-1)!, /^3:.*the container is gone/)
})

test.after(() => api.stop())
test.run()
