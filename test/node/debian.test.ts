import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { debianMirror } from '../../src/node/debian.ts'

const mirrorOf = (files: Record<string, string>) => {
  const etc = mkdtempSync(join(tmpdir(), 'kubus-apt-'))
  try {
    mkdirSync(join(etc, 'sources.list.d'))
    for (const [path, text] of Object.entries(files)) writeFileSync(join(etc, path), text)
    return debianMirror(etc)
  } finally {
    rmSync(etc, { recursive: true })
  }
}

test('the mirror is read from lines and from stanzas', () => {
  assert.is(
    mirrorOf({ 'sources.list': 'deb [arch=amd64] http://deb.debian.org/debian/ bookworm main\n' }),
    'http://deb.debian.org/debian',
  )
  assert.is(
    mirrorOf({
      'sources.list': '',
      'sources.list.d/debian.sources':
        'Types: deb\nURIs: https://mirror.example/debian https://other.example/debian\nSuites: bookworm\n',
    }),
    'https://mirror.example/debian',
  )
})

test('other archives are no mirror of Debian', () => {
  assert.is(
    mirrorOf({
      'sources.list': '# deb http://deb.debian.org/debian bookworm main\n',
      'sources.list.d/security.list': 'deb http://deb.debian.org/debian-security bookworm main\n',
      'sources.list.d/ubuntu.list': 'deb http://archive.ubuntu.com/ubuntu noble main\n',
    }),
    undefined,
  )
  assert.is(debianMirror('/nonexistent'), undefined)
})

test.run()
