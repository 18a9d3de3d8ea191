import {
  appendFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'nats'
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { followLog } from '../../src/node/followed-log.ts'
import { systemClock } from '../../src/std/clock.ts'
import { eventually } from '../support/cluster.ts'
import { startNatsServer } from '../support/nats-server.ts'

const root = mkdtempSync(join(tmpdir(), 'kubus-followed-log-'))
test.after(() => rmSync(root, { recursive: true, force: true }))

let folders = 0
const newLog = () => {
  const folder = mkdtempSync(join(root, `${++folders}-`))
  return { path: join(folder, 'a.log'), positionFile: join(folder, 'position') }
}

const follow = (place: { path: string; positionFile: string }, lines: string[]) =>
  followLog({
    ...place,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    onLine: (line) => void lines.push(line),
  })

/** A line as long as lines of a log are: the first one tells files apart. */
const line = (number: number) => `[1] 2026/01/02 03:04:05.${100_000 + number} [INF] line ${number}`
const numbers = (lines: readonly string[]) => lines.map((each) => Number(each.split(' ').at(-1)))
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1)
const write = (path: string, ...wanted: number[]) =>
  appendFileSync(path, wanted.map((number) => `${line(number)}\r\n`).join(''))

test('lines are handed over as they are written, whole', async () => {
  const place = newLog()
  const lines: string[] = []
  const log = follow(place, lines)
  await eventually(() => {
    write(place.path, 1)
    return lines.length > 0
  }, 'the first line is seen')
  lines.length = 0
  appendFileSync(place.path, line(2).slice(0, 10))
  await new Promise((resolve) => setTimeout(resolve, 100))
  appendFileSync(place.path, `${line(2).slice(10)}\n${line(3)}`)
  await eventually(() => lines.includes(line(2)), 'the line is whole')
  assert.not.ok(lines.includes(line(3)))
  await log.stop()
})

test('what was there before is not told, unless a former reader had come less far', async () => {
  const place = newLog()
  write(place.path, 1, 2)
  const lines: string[] = []
  const first = follow(place, lines)
  await new Promise((resolve) => setTimeout(resolve, 100))
  write(place.path, 3)
  await eventually(() => lines.length === 1, 'the new line is seen')
  first.remember()
  await first.stop()
  write(place.path, 4)
  const second = follow(place, lines)
  await eventually(() => lines.length === 2, 'the line from between is seen')
  await second.stop()
  assert.equal(numbers(lines), [3, 4])
})

const putAside = (path: string, stamp: string) => {
  renameSync(path, `${path}.2026.01.02.03.04.${stamp}`)
  writeFileSync(path, '')
}

test('files that are put aside are read to their end, and in order', async () => {
  const place = newLog()
  write(place.path, 1)
  const lines: string[] = []
  const log = follow(place, lines)
  await new Promise((resolve) => setTimeout(resolve, 100))
  lines.push(line(1))
  write(place.path, 2)
  putAside(place.path, '05.000000001')
  write(place.path, 3)
  putAside(place.path, '06.000000001')
  write(place.path, 4)
  await eventually(() => lines.length >= 4, 'all are seen')
  write(place.path, 5)
  await eventually(() => lines.length >= 5, 'the new file is followed')
  log.remember()
  await log.stop()
  write(place.path, 6)
  putAside(place.path, '07.000000001')
  write(place.path, 7)
  const next = follow(place, lines)
  await eventually(() => lines.length >= 7, 'so they are after a restart')
  await next.stop()
  assert.equal(numbers(lines), upTo(7))
})

test('a log that was emptied, and one whose old files are gone, are followed on', async () => {
  const place = newLog()
  write(place.path, 1, 2)
  const lines: string[] = []
  const log = follow(place, lines)
  await new Promise((resolve) => setTimeout(resolve, 100))
  truncateSync(place.path)
  await new Promise((resolve) => setTimeout(resolve, 100))
  write(place.path, 3)
  await eventually(() => lines.length === 1, 'the line after it is seen')
  rmSync(place.path)
  write(place.path, 4)
  await eventually(() => lines.length === 2, 'the new file is followed')
  await log.stop()
  assert.equal(numbers(lines), [3, 4])
})

test('nothing is lost or told twice while nats-server rotates its log', async () => {
  const place = newLog()
  const server = await startNatsServer({
    config: `
      log_file: "${place.path}"
      logfile_size_limit: 8192
      logfile_max_num: 20
      authorization { users: [ { user: "u", password: "p", permissions { publish: ["a"] } } ] }`,
  })
  const lines: string[] = []
  const log = follow(place, lines)
  try {
    await new Promise((resolve) => setTimeout(resolve, 100))
    const connection = await connect({ servers: server.url, user: 'u', pass: 'p' })
    for (let attempt = 1; attempt <= 400; attempt++) {
      connection.publish(`b.${attempt}`)
      if (attempt % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 30))
    }
    await connection.flush()
    const attempts = () =>
      lines.flatMap((each) => /Violation - Subject "b\.(\d+)"/.exec(each)?.[1] ?? []).map(Number)
    await eventually(() => attempts().length >= 400, 'all are seen', 10_000).catch(() => undefined)
    assert.equal(attempts(), upTo(400))
    assert.ok(lines.some((each) => each.includes('Rotated log')))
    await connection.close()
  } finally {
    await log.stop()
    await server.stop()
  }
})

test.run()
