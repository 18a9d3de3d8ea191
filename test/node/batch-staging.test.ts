import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { removeStagedBatches, stageBatchesInMemory } from '../../src/node/batch-staging.ts'
import { systemClock } from '../../src/std/clock.ts'
import { newUid } from '../../src/std/ids.ts'
import { eventually } from '../support/cluster.ts'

const test = suite('batch staging', {} as { folder: string; id: string })

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'kubus-staging-'))
  context.id = newUid().slice(0, 8)
})

test.after.each(({ folder, id }) => {
  rmSync(folder, { recursive: true, force: true })
  removeStagedBatches(id)
})

const memory = (id: string) => `/dev/shm/kubus-${id}`
const linkOf = (folder: string) => join(folder, 'batches')
const isLinked = (folder: string) =>
  lstatSync(linkOf(folder), { throwIfNoEntry: false })?.isSymbolicLink() === true

test('what is staged lies in memory, and nothing is left', ({ folder, id }) => {
  const staging = stageBatchesInMemory([folder], id, systemClock)
  mkdirSync(join(linkOf(folder), 'one'), { recursive: true })
  assert.equal(readdirSync(join(memory(id), '0')), ['one'])
  staging.stop()
  assert.not(existsSync(memory(id)))
  assert.equal(readdirSync(folder), [])
})

test('a link that the server removed at its start is put back', async ({ folder, id }) => {
  const staging = stageBatchesInMemory([folder], id, systemClock)
  rmSync(linkOf(folder), { recursive: true })
  await eventually(() => isLinked(folder), 'the link is there')
  staging.stop()
})

test("the server's own folder is replaced when it is empty", async ({ folder, id }) => {
  mkdirSync(join(linkOf(folder), 'under way'), { recursive: true })
  const staging = stageBatchesInMemory([folder], id, systemClock)
  assert.not(isLinked(folder))
  rmdirSync(join(linkOf(folder), 'under way'))
  await eventually(() => isLinked(folder), 'the link is there')
  staging.stop()
})

test('memory that was cleared is made again', async ({ folder, id }) => {
  const staging = stageBatchesInMemory([folder], id, systemClock)
  rmSync(memory(id), { recursive: true })
  await eventually(() => existsSync(readlinkSync(linkOf(folder))), 'the folder is there')
  staging.stop()
})

test("a stop leaves the server's own folder alone", ({ folder, id }) => {
  mkdirSync(linkOf(folder))
  writeFileSync(join(linkOf(folder), 'message'), '')
  stageBatchesInMemory([folder], id, systemClock).stop()
  assert.equal(readdirSync(linkOf(folder)), ['message'])
})

test.run()
