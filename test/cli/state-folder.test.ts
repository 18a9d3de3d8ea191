import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readConfig, stateFolder, writeConfig } from '../../src/cli/state-folder.ts'

const inFolder = (act: (folder: ReturnType<typeof stateFolder>) => void) => {
  const root = mkdtempSync(join(tmpdir(), 'kubus-state-'))
  try {
    act(stateFolder(root))
  } finally {
    rmSync(root, { recursive: true })
  }
}

test('an empty folder has no configuration', () =>
  inFolder((folder) => assert.is(readConfig(folder), undefined)))

test('a folder with other files is refused with a sentence', () =>
  inFolder((folder) => {
    writeFileSync(join(folder.root, 'letter.txt'), '')
    assert.throws(
      () => readConfig(folder),
      /is not usable: it holds letter.txt but no cluster.json/,
    )
  }))

test('a cluster.json that is not JSON, or lacks settings, is refused', () =>
  inFolder((folder) => {
    writeFileSync(folder.config, '{')
    assert.throws(() => readConfig(folder), /cluster.json is not JSON/)
    writeFileSync(folder.config, '{"id": "x"}')
    assert.throws(() => readConfig(folder), /cluster.json lacks settings/)
  }))

test('a folder without its authority is refused', () =>
  inFolder((folder) => {
    const config = {
      id: 'c1',
      masters: 1 as const,
      nodes: 1,
      runtime: 'hollow' as const,
      apiPort: 1,
      natsPort: 2,
      busUsers: {},
      busIssuer: 'AA',
      busAnchor: 'UC',
      routePassword: '',
      clusterCidr: '10.245.0.0/16',
      serviceCidr: '10.97.0.0/16',
    }
    writeConfig(folder, config)
    assert.throws(() => readConfig(folder), /ca.crt is missing/)
    mkdirSync(join(folder.root, 'pki'))
    mkdirSync(join(folder.root, 'nats'), { recursive: true })
    for (const path of [folder.pki('ca.crt'), folder.pki('ca.key'), folder.operatorSeed])
      writeFileSync(path, 'x')
    assert.equal(readConfig(folder), config)
  }))

test.run()
