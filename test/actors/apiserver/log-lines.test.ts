import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LineCutter, Pace } from '../../../src/actors/apiserver/log-lines.ts'
import { virtualClock } from '../../support/virtual-clock.ts'

const cut = (...pieces: string[]) => {
  const cutter = new LineCutter()
  const lines = pieces.flatMap((piece) => [...cutter.cut(Buffer.from(piece))])
  const rest = cutter.rest()
  return [...lines, ...(rest ? [rest] : [])].map((line) => Buffer.from(line).toString())
}

test('lines come out whole, in whatever pieces they came in', () => {
  assert.equal(cut('a\nb\n'), ['a', 'b'])
  assert.equal(cut('a', 'b\nc', '', 'd', '\n\ne'), ['ab', 'cd', '', 'e'])
  assert.equal(cut('ü', '\n'), ['ü'])
  assert.equal(cut(''), [])
})

test('a line without an end comes out in parts', () => {
  const long = 'x'.repeat(600 * 1024)
  const lines = cut(`${long.slice(0, 1000)}`, `${long.slice(1000)}\nshort\n`)
  assert.equal(
    lines.map(({ length }) => length),
    [256 * 1024, 256 * 1024, 88 * 1024, 5],
  )
})

test('a burst goes out at once, many lines or bytes at a pace', async () => {
  const clock = virtualClock()
  const pace = new Pace(clock)
  const { signal } = new AbortController()
  const sayAll = async (lines: number, bytes: number) => {
    for (let line = 0; line < lines; line++) await pace.after(bytes, signal)
  }
  let isDone = false
  const done = sayAll(20_000, 10).then(() => {
    isDone = true
  })
  await clock.advance(1_500)
  assert.not(isDone)
  await clock.advance(1_000)
  await done
  assert.is(pace.after(10, signal), undefined)
  const waiting = pace.after(8 * 1024 * 1024, signal)
  await clock.advance(1_900)
  assert.is(await Promise.race([waiting, Promise.resolve('waits')]), 'waits')
  await clock.advance(200)
  await waiting
})

test('who is told to stop does not wait on', async () => {
  const over = new AbortController()
  const waiting = new Pace(virtualClock()).after(1024 * 1024, over.signal)
  over.abort(new Error('over'))
  assert.is(await waiting?.catch(({ message }: Error) => message), 'over')
})

test.run()
