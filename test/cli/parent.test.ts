import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

test('a process whose parent no longer listens says so to nobody and lives on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kubus-parent-'))
  try {
    const script = join(folder, 'child.mjs')
    const entry = join(folder, 'entry.ts')
    writeFileSync(
      entry,
      `import { tellParent } from ${JSON.stringify(join(process.cwd(), 'src/cli/parent.ts'))}
       tellParent({ ready: true })
       process.once('disconnect', () => {
         tellParent({ ready: true })
         setTimeout(() => process.exit(7), 100)
       })`,
    )
    await build({
      entryPoints: [entry],
      outfile: script,
      bundle: true,
      platform: 'node',
      format: 'esm',
    })
    const child = fork(script)
    const [message] = await once(child, 'message')
    assert.equal(message, { ready: true })
    child.disconnect()
    const [code] = await once(child, 'exit')
    assert.is(code, 7)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.run()
