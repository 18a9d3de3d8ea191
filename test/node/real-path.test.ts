import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { realPathBelow } from '../../src/node/real-path.ts'

test('links lead within another root, absolute ones too', async () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'kubus-root-')))
  try {
    mkdirSync(join(root, 'srv/deep'), { recursive: true })
    symlinkSync('/srv', join(root, 'absolute'))
    symlinkSync('../srv/deep', join(root, 'srv/relative'))
    symlinkSync('/loop', join(root, 'loop'))
    assert.is(await realPathBelow(root, '/absolute/relative/x'), '/srv/deep/x')
    assert.is(await realPathBelow(root, '/absolute/../..'), '/')
    const message = await realPathBelow(root, '/loop').catch((error: Error) => error.message)
    assert.is(message, 'too many links in /loop')
  } finally {
    rmSync(root, { recursive: true })
  }
})

test.run()
