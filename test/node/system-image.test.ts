import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseLibraries } from '../../src/node/system-image.ts'

test('libraries are what ldd finds, the loader included', () => {
  const text = `/usr/bin/node:
	linux-vdso.so.1 (0x00007ffd)
	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)
	/lib64/ld-linux-x86-64.so.2 (0x00007f)
/usr/bin/nats-server:
	not a dynamic executable
	libgone.so => not found
`
  assert.equal(parseLibraries(text), [
    '/lib/x86_64-linux-gnu/libc.so.6',
    '/lib64/ld-linux-x86-64.so.2',
  ])
})

test.run()
