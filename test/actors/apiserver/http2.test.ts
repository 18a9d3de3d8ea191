/**
 * HTTP/2 beside HTTP/1.1 on one port: requests, watches and the end of both.
 */
import { type ClientHttp2Session, connect } from 'node:http2'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTestApiserver } from '../../support/api-server.ts'

const api = await startTestApiserver()
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'

const open = (): ClientHttp2Session => {
  const { authority, admin } = api.pki
  return connect(`https://127.0.0.1:${api.port}`, {
    ca: authority.certificate,
    cert: admin.certificate,
    key: admin.key,
  })
}

const call = (
  session: ClientHttp2Session,
  method: string,
  path: string,
  body?: object,
): Promise<{ code: number; text: string; headers: Record<string, unknown> }> =>
  new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': method,
      ':path': path,
      'content-type': 'application/json',
    })
    let headers: Record<string, unknown> = {}
    let text = ''
    stream.setEncoding('utf8')
    stream.on('response', (given) => {
      headers = given
    })
    stream.on('data', (piece: string) => {
      text += piece
    })
    stream.on('end', () => resolve({ code: Number(headers[':status']), text, headers }))
    stream.on('error', reject)
    stream.end(body ? JSON.stringify(body) : undefined)
  })

const session = open()

test('objects are written and read, as the user of the certificate', async () => {
  const created = await call(session, 'POST', CONFIG_MAPS, { metadata: { name: 'a' } })
  assert.is(created.code, 201)
  const read = await call(session, 'GET', `${CONFIG_MAPS}/a`)
  assert.is(read.code, 200)
  assert.is(JSON.parse(read.text).metadata.name, 'a')
  assert.match(String(read.headers['audit-id']), /^[0-9a-f-]{36}$/)
  const missing = await call(session, 'GET', `${CONFIG_MAPS}/none`)
  assert.is(missing.code, 404)
  assert.is(JSON.parse(missing.text).reason, 'NotFound')
})

test('a large list and a large body come through', async () => {
  const pad = 'x'.repeat(900_000)
  for (const name of ['big1', 'big2', 'big3'])
    assert.is(
      (await call(session, 'POST', CONFIG_MAPS, { metadata: { name }, data: { pad } })).code,
      201,
    )
  const { code, text } = await call(session, 'GET', CONFIG_MAPS)
  assert.is(code, 200)
  assert.is(JSON.parse(text).items.length, 4)
})

test('many requests share a connection with a watch', async () => {
  const watch = session.request({ ':path': `${CONFIG_MAPS}?watch=1&resourceVersion=0` })
  const names = new Set<string>()
  let rest = ''
  watch.setEncoding('utf8')
  const seen = new Promise<void>((resolve) => {
    watch.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) names.add(JSON.parse(line).object.metadata.name)
      if (names.has('w39')) resolve()
    })
  })
  const created = await Promise.all(
    Array.from({ length: 40 }, (_, at) =>
      call(session, 'POST', CONFIG_MAPS, { metadata: { name: `w${at}` } }),
    ),
  )
  assert.ok(created.every(({ code }) => code === 201))
  await seen
  watch.close()
})

test('who offers HTTP/1.1 only is served as ever', async () => {
  assert.is((await api.call('GET', `${CONFIG_MAPS}/a`)).code, 200)
})

test('a stopping server lets sessions end', async () => {
  const other = open()
  const closed = new Promise<void>((resolve) => {
    other.on('close', () => resolve())
  })
  assert.is((await call(other, 'GET', '/version')).code, 200)
  await api.stop()
  await closed
  session.destroy()
})

test.run()
