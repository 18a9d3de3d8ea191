import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { claimRanges, releaseRanges } from '../../src/node/network-ranges.ts'

const inFolder = (act: (claims: { folder: string }, owner: (name: string) => string) => void) => {
  const root = mkdtempSync(join(tmpdir(), 'kubus-ranges-'))
  const owner = (name: string) => {
    const folder = join(root, name)
    mkdirSync(folder, { recursive: true })
    return folder
  }
  try {
    act({ folder: join(root, 'claims') }, owner)
  } finally {
    rmSync(root, { recursive: true })
  }
}

test('the first cluster of a host gets the usual ranges, the next others', () =>
  inFolder((claims, owner) => {
    assert.equal(claimRanges(owner('a'), claims, []), {
      clusterCidr: '10.244.0.0/16',
      serviceCidr: '10.96.0.0/16',
    })
    assert.equal(claimRanges(owner('b'), claims, []), {
      clusterCidr: '10.245.0.0/16',
      serviceCidr: '10.97.0.0/16',
    })
  }))

test('a cluster that asks again gets what it has', () =>
  inFolder((claims, owner) => {
    claimRanges(owner('a'), claims, [])
    const ranges = claimRanges(owner('b'), claims, [])
    assert.equal(claimRanges(owner('b'), claims, []), ranges)
  }))

test('ranges come free when they are released, or when the owner is gone', () =>
  inFolder((claims, owner) => {
    claimRanges(owner('a'), claims, [])
    claimRanges(owner('b'), claims, [])
    releaseRanges(owner('a'), claims)
    assert.is(claimRanges(owner('c'), claims, []).clusterCidr, '10.244.0.0/16')
    rmSync(owner('b'), { recursive: true })
    assert.is(claimRanges(owner('d'), claims, []).clusterCidr, '10.245.0.0/16')
  }))

test('ranges that the host routes elsewhere are left alone', () =>
  inFolder((claims, owner) => {
    assert.is(
      claimRanges(owner('a'), claims, ['10.244.3.0', '10.97.0.0']).clusterCidr,
      '10.246.0.0/16',
    )
  }))

test.run()
