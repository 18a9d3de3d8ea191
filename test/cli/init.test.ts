import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createClusterState, settleConfig } from '../../src/cli/cluster-state.ts'
import { UsageError } from '../../src/cli/command.ts'
import { natsUrls } from '../../src/cli/processes.ts'
import {
  readConfig,
  readSharedConfig,
  type StateFolder,
  stateFolder,
} from '../../src/cli/state-folder.ts'
import { certificateFacts } from '../../src/node/certificate-facts.ts'
import { releaseRanges } from '../../src/node/network-ranges.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const HOSTS = ['192.0.2.11', 'two.example.org', '192.0.2.13']
const REMOTE = { masters: '3', hosts: HOSTS.join(',') }

const inFolder = async (act: (folder: StateFolder) => Promise<void>) => {
  const root = mkdtempSync(join(tmpdir(), 'kubus-init-'))
  try {
    await act(stateFolder(root))
  } finally {
    rmSync(root, { recursive: true })
    releaseRanges(root)
  }
}

const init = (folder: StateFolder, options: Record<string, string> = {}) =>
  createClusterState(folder, settleConfig(options, readSharedConfig(folder)), NOW)

const contents = (folder: StateFolder) =>
  Object.fromEntries(
    readdirSync(folder.root, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path, readFileSync(path, 'utf8')]),
  )

test('a state folder is complete, and doing it again changes nothing', () =>
  inFolder(async (folder) => {
    await init(folder, { masters: '3', 'api-port': '7001', 'nats-port': '7101' })
    const first = contents(folder)
    assert.is(readConfig(folder)?.masters, 3)
    assert.match(first[folder.kubeconfig] ?? '', 'https://127.0.0.1:7001')
    for (const name of ['nats-1', 'nats-2', 'nats-3'])
      assert.match(first[folder.nats(name).config] ?? '', /^host: "127.0.0.1"$/m)
    await init(folder)
    assert.equal(contents(folder), first)
  }))

test('with hosts, nats-servers listen everywhere and find each other there', () =>
  inFolder(async (folder) => {
    await init(folder, REMOTE)
    const text = readFileSync(folder.nats('nats-2').config, 'utf8')
    assert.match(text, /^host: "0.0.0.0"$/m)
    assert.match(text, 'listen: "0.0.0.0:6223"')
    assert.match(text, '@192.0.2.11:6222')
    assert.match(text, '@two.example.org:6223')
    const config = readConfig(folder)
    assert.ok(config)
    assert.equal(natsUrls(config), [
      'nats://192.0.2.11:4222',
      'nats://two.example.org:4223',
      'nats://192.0.2.13:4224',
    ])
    const certificate = readFileSync(folder.pki('apiserver.crt'), 'utf8')
    const apiService = config.serviceCidr.replace('.0/16', '.1')
    const { names } = certificateFacts(certificate)
    for (const name of [...HOSTS, '127.0.0.1', apiService]) assert.ok(names.includes(name), name)
    assert.match(readFileSync(folder.kubeconfig, 'utf8'), 'https://192.0.2.11:6443')
  }))

test('a host that got only what its role needs keeps that', () =>
  inFolder(async (folder) => {
    await init(folder, REMOTE)
    for (const path of [folder.pki(''), folder.kubeconfig, `${folder.operatorSeed}.pub`])
      rmSync(path, { recursive: true })
    const given = contents(folder)
    await init(folder, REMOTE)
    assert.equal(contents(folder), given)
  }))

test('loopback hosts mean this machine', () => {
  const options = { masters: '3', hosts: '127.0.0.1,127.0.0.1,127.0.0.1' }
  assert.is(settleConfig(options, undefined).hosts, undefined)
})

test('hosts are as many as masters, and the masters of a cluster stay as many', () => {
  const refused = (options: Record<string, string>, known?: Parameters<typeof settleConfig>[1]) =>
    assert.throws(
      () => settleConfig(options, known),
      (error: unknown) => error instanceof UsageError,
    )
  refused({ masters: '3', hosts: 'a,b' })
  refused({ masters: '3', hosts: 'a,b,c;d' })
  refused({ masters: '2' })
  refused({ masters: '1' }, settleConfig(REMOTE, undefined))
})

test.run()
