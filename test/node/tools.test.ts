import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { arch, tmpdir } from 'node:os'
import { join } from 'node:path'
import { zipSync } from 'fflate'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ensureTool, isAtLeast, type Release, type Tool } from '../../src/node/tools.ts'

const test = suite('tools')
const PATH = process.env['PATH']
let dir = ''
let server: Server
const served = new Map<string, Buffer>()

const script = (version: string) => Buffer.from(`#!/bin/sh\necho hammer v${version}\n`)

const serve = (file: string, body: Buffer, member?: string): Release => {
  served.set(`/${file}`, body)
  const { port } = server.address() as AddressInfo
  const sha256 = createHash('sha256').update(body).digest('hex')
  return { url: `http://127.0.0.1:${port}/${file}`, sha256, ...(member ? { member } : {}) }
}

const tool = (release?: Release): Tool => ({
  name: 'hammer',
  purpose: 'what drives nails',
  homepage: 'https://hammer.example',
  environmentVariable: 'KUBUS_HAMMER',
  minimum: '2.4',
  versionArgs: ['--version'],
  version: '2.5.0',
  releases: release ? { [arch()]: release } : {},
})

const toolsDir = () => join(dir, 'tools')
const ensure = (release?: Release) => ensureTool(tool(release), { toolsDir: toolsDir() })

const failureOf = async (wanted: Promise<string>): Promise<string> => {
  try {
    return `got ${await wanted}`
  } catch (error) {
    return (error as Error).message
  }
}

const install = (folder: string, version: string) => {
  mkdirSync(join(dir, folder), { recursive: true })
  writeFileSync(join(dir, folder, 'hammer'), script(version), { mode: 0o755 })
}

test.before.each(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kubus-tools-'))
  server = createServer((request, response) => {
    const body = served.get(request.url ?? '')
    response.writeHead(body ? 200 : 404).end(body)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
})

test.after.each(() => {
  process.env['PATH'] = PATH
  delete process.env['KUBUS_HAMMER']
  served.clear()
  server.close()
  rmSync(dir, { recursive: true, force: true })
})

test('versions compare by number, not by letter', () => {
  assert.ok(isAtLeast('2.15.1', '2.12'))
  assert.ok(isAtLeast('3.0', '2.12'))
  assert.not.ok(isAtLeast('2.9.10', '2.12'))
  assert.not.ok(isAtLeast('1.36', '2.0'))
})

test('a release is fetched once, and kept', async () => {
  const release = serve('hammer', script('2.5.0'))
  const kept = join(toolsDir(), 'hammer')
  assert.is(await ensure(release), kept)
  served.clear()
  assert.is(await ensure(release), kept)
  assert.equal(readdirSync(toolsDir()), ['hammer'])
})

test('a release may be an archive', async () => {
  mkdirSync(join(dir, 'hammer-2.5.0'))
  writeFileSync(join(dir, 'hammer-2.5.0/hammer'), script('2.5.0'), { mode: 0o755 })
  const tar = execFileSync('tar', ['-cz', '-C', dir, 'hammer-2.5.0'])
  const zip = Buffer.from(
    zipSync({ 'hammer-2.5.0/hammer': script('2.5.0'), 'README.md': script('0') }),
  )
  for (const release of [
    serve('hammer.tar.gz', tar, 'hammer-2.5.0/hammer'),
    serve('hammer.zip', zip, 'hammer-2.5.0/hammer'),
  ]) {
    rmSync(toolsDir(), { recursive: true, force: true })
    assert.equal(readFileSync(await ensure(release)), script('2.5.0'))
  }
})

test('nothing is kept whose checksum differs', async () => {
  const release = { ...serve('hammer', script('2.5.0')), sha256: '0'.repeat(64) }
  assert.match(
    await failureOf(ensure(release)),
    /its release: the checksum of .* is not the expected/,
  )
  assert.equal(readdirSync(toolsDir()), [])
})

test('a release that does not run here is not kept', async () => {
  const release = serve('hammer', Buffer.from('\x7fELF of another machine'))
  assert.match(await failureOf(ensure(release)), /its release: what it has does not run here/)
  assert.not.ok(existsSync(join(toolsDir(), 'hammer')))
})

test('one on PATH is used when it is new enough', async () => {
  install('bin', '2.4.9')
  process.env['PATH'] = `${join(dir, 'bin')}:${PATH}`
  assert.is(await ensure(), join(dir, 'bin/hammer'))
})

test('one that is too old is passed over, kept or on PATH', async () => {
  install('bin', '2.3.9')
  install('tools', '2.3.8')
  process.env['PATH'] = `${join(dir, 'bin')}:${PATH}`
  const kept = await ensure(serve('hammer', script('2.5.0')))
  assert.equal(readFileSync(kept), script('2.5.0'))
})

test('what cannot be had is told in one sentence', async () => {
  install('bin', '2.3.9')
  process.env['PATH'] = `${join(dir, 'bin')}:${PATH}`
  const release = serve('hammer', script('2.5.0'))
  server.close()
  assert.is(
    await failureOf(ensure(release)),
    `hammer 2.4 or newer is missing: it is what drives nails (${join(dir, 'bin/hammer')} is 2.3.9, too old; ` +
      `its release: ${new URL(release.url).host} cannot be reached, ECONNREFUSED); ` +
      'get it from https://hammer.example and put it on PATH, or name it in KUBUS_HAMMER',
  )
})

test('an architecture without a release is named', async () => {
  assert.match(await failureOf(ensure()), new RegExp(`its release: none for ${arch()}`))
})

test('one that is named must serve', async () => {
  install('bin', '2.3.9')
  process.env['KUBUS_HAMMER'] = join(dir, 'bin/hammer')
  assert.match(
    await failureOf(ensure()),
    /KUBUS_HAMMER=.* is version 2\.3\.9; Kubus needs hammer 2\.4/,
  )
})

test.run()
