import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openRotatedLog } from '../../src/node/rotated-log.ts'
import { virtualClock } from '../support/virtual-clock.ts'

const folder = mkdtempSync(join(tmpdir(), 'kubus-rotated-log-'))
test.after(() => rmSync(folder, { recursive: true, force: true }))

const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

test('a full file is put aside under the time, and only so many are kept', async () => {
  const path = join(folder, 'audit.log')
  const clock = virtualClock()
  const log = openRotatedLog({
    path,
    bytesMax: 30,
    backups: 2,
    clock,
    log: pino({ level: 'silent' }),
  })
  for (let line = 0; line < 8; line++) {
    log.write(`line ${line} 0123456789`)
    await turn()
    await clock.advance(1_000)
  }
  log.close()
  assert.equal(readdirSync(folder).sort(), [
    'audit-2026-01-01T00-00-06.000.log',
    'audit-2026-01-01T00-00-07.000.log',
    'audit.log',
  ])
  assert.is(readFileSync(path, 'utf8'), 'line 7 0123456789\n')
  assert.is(statSync(path).mode & 0o777, 0o600)
})

test('lines that were written before it is closed are in the file, and the next one goes on', async () => {
  const path = join(folder, 'more.log')
  const options = { path, bytesMax: 1_000, backups: 1, clock: virtualClock() }
  const log = pino({ level: 'silent' })
  const first = openRotatedLog({ ...options, log })
  first.write('a')
  first.write('b')
  first.close()
  const second = openRotatedLog({ ...options, log })
  second.write('c')
  await turn()
  second.close()
  assert.is(readFileSync(path, 'utf8'), 'a\nb\nc\n')
})

test.run()
