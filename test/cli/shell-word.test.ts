import { execFileSync } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { shellWord } from '../../src/cli/shell-word.ts'

test('a shell reads back what was written, whatever it holds', () => {
  for (const text of ['/root/.kubus/kubeconfig', '/my kubus/$HOME', "it's", 'a;b', '', '`x`'])
    assert.is(
      execFileSync('sh', ['-c', `printf %s ${shellWord(text)}`], { encoding: 'utf8' }),
      text,
    )
})

test('a plain path stays plain', () => {
  assert.is(shellWord('/root/.kubus/kubeconfig'), '/root/.kubus/kubeconfig')
})

test.run()
