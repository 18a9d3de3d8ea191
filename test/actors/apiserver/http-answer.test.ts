/**
 * Bodies in pieces go at the pace of who reads them.
 */
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { writeAnswer } from '../../../src/actors/apiserver/http-answer.ts'
import { sleep } from '../../../src/std/clock.ts'

const PIECES = 2000
const PIECE = 'x'.repeat(64 * 1024)

/** Serves PIECES pieces once and counts how many were asked for. */
const serveOnce = async (acceptsGzip: boolean) => {
  const state = { taken: 0, isDone: false }
  function* pieces(): Generator<string> {
    try {
      for (; state.taken < PIECES; state.taken++) yield PIECE
    } finally {
      state.isDone = true
    }
  }
  const server = createServer((_request: IncomingMessage, response: ServerResponse) => {
    const head = { code: 200, headers: [], acceptsGzip }
    void writeAnswer(response, head, { type: 'text/plain', body: pieces() })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const answer = await new Promise<IncomingMessage>((resolve) =>
    get({ port, host: '127.0.0.1', agent: false }, resolve),
  )
  return { state, answer, stop: () => server.close() }
}

test('what is not read is not made', async () => {
  const { state, answer, stop } = await serveOnce(false)
  await sleep(300)
  const held = state.taken
  assert.ok(held < PIECES / 4, `${held} of ${PIECES} pieces were made for nobody`)
  let bytes = 0
  for await (const chunk of answer) bytes += (chunk as Buffer).length
  assert.is(bytes, PIECES * PIECE.length)
  stop()
})

test('a reader that goes away ends the work', async () => {
  const { state, answer, stop } = await serveOnce(true)
  answer.destroy()
  while (!state.isDone) await sleep(5)
  assert.ok(state.taken < PIECES)
  stop()
})

test.run()
