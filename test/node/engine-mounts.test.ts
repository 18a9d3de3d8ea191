import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mountOf, parseMounts } from '../../src/node/engine-mounts.ts'

const MOUNT_INFO = `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
42 27 254:0 /var/lib/docker /var/lib/docker rw,relatime shared:1 - ext4 /dev/vda rw
43 27 8:1 / /srv/a\\040disk rw,relatime shared:2 master:1 - ext4 /dev/sda1 rw
`

test('a folder lies on the innermost mount above it', () => {
  const mounts = parseMounts(MOUNT_INFO)
  assert.equal(mountOf(mounts, '/var/lib/docker/volumes'), {
    path: '/var/lib/docker',
    device: '254:0',
    shared: true,
  })
  assert.is(mountOf(mounts, '/srv/a disk')?.device, '8:1')
  assert.equal(mountOf(mounts, '/var/lib/docker2'), { path: '/', device: '254:0', shared: false })
})

test.run()
