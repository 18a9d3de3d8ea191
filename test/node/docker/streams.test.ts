import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { demultiplex } from '../../../src/node/docker/streams.ts'

const frame = (stream: number, text: string) => {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

test('frames are told apart however the bytes arrive', async () => {
  const bytes = Buffer.concat([frame(1, 'out'), frame(2, 'error'), frame(1, ''), frame(1, 'more')])
  for (const size of [1, 3, 7, 8, 9, bytes.length]) {
    const pieces = (async function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
    })()
    const seen = { stdout: '', stderr: '' }
    for await (const { stream, data } of demultiplex(pieces))
      seen[stream] += Buffer.from(data).toString()
    assert.equal(seen, { stdout: 'outmore', stderr: 'error' }, `in pieces of ${size}`)
  }
})

test.run()
