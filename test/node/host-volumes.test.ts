import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createVolumes, removeAllVolumes } from '../../src/node/host-volumes.ts'
import { isMountPoint, parseMountPoints } from '../../src/node/mounts.ts'
import type { Volumes } from '../../src/node/volumes.ts'

const test = suite<{ root: string; volumes: Volumes }>('volumes')

test.before.each(async (context) => {
  context.root = await mkdtemp(join(tmpdir(), 'kubus volumes-'))
  context.volumes = createVolumes({ root: context.root })
})

test.after.each(async ({ root }) => {
  await removeAllVolumes(root)
  await rm(root, { recursive: true, force: true })
})

const messageOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: Error) => error.message,
  )

const file = (path: string, data: string, mode = 0o644) => ({ path, data, mode })
const mode = async (path: string) => (await stat(path)).mode & 0o7777

test('an emptyDir is open to all, keeps its content, and belongs to the group asked for', async ({
  root,
  volumes,
}) => {
  const path = await volumes.emptyDir('u1', 'cache', { memory: false })
  assert.is(path, join(root, 'pods/u1/volumes/kubernetes.io~empty-dir/cache'))
  assert.is(await mode(path), 0o777)
  await writeFile(join(path, 'x'), 'kept')
  await volumes.emptyDir('u1', 'cache', { memory: false, fsGroup: 1234 })
  assert.is(await readFile(join(path, 'x'), 'utf8'), 'kept')
  assert.is((await stat(path)).gid, 1234)
  assert.is(await mode(path), 0o2777)
})

test('an emptyDir in memory is one file system of the size asked for, until the pod is removed', async ({
  volumes,
}) => {
  const options = { memory: true, sizeLimitBytes: 1 << 20 }
  const path = await volumes.emptyDir('u1', 'ram', options)
  await volumes.emptyDir('u1', 'ram', options)
  assert.is(await isMountPoint(path), true)
  assert.match(await messageOf(writeFile(join(path, 'big'), Buffer.alloc(2 << 20))), 'ENOSPC')
  await volumes.removePod('u1')
  assert.is(await isMountPoint(path), false)
  assert.equal(await volumes.listPods(), [])
  await volumes.removePod('u1')
})

test('files change together, through a link, and obsolete ones go', async ({ volumes }) => {
  const options = { plugin: 'configmap' as const }
  const path = await volumes.files(
    'u1',
    'config',
    [file('a', '1'), file('sub/b', '2', 0o400)],
    options,
  )
  assert.match(path, 'kubernetes.io~configmap/config')
  assert.is(await readlink(join(path, 'a')), '..data/a')
  assert.is(await readFile(join(path, 'sub/b'), 'utf8'), '2')
  assert.is(await mode(join(path, 'sub/b')), 0o400)
  const first = await readlink(join(path, '..data'))
  assert.match(first, /^\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\./)

  await volumes.files('u1', 'config', [file('a', '1'), file('sub/b', '2', 0o400)], options)
  assert.is(await readlink(join(path, '..data')), first, 'unchanged files are left alone')

  await volumes.files('u1', 'config', [file('a', 'new'), file('c', '3')], options)
  assert.is(await readFile(join(path, 'a'), 'utf8'), 'new')
  assert.is.not(await readlink(join(path, '..data')), first)
  assert.equal((await readdir(path)).filter((name) => !name.startsWith('..')).sort(), ['a', 'c'])
  assert.is((await readdir(path)).filter((name) => /^\.\.\d/.test(name)).length, 1)
})

test('files of a group can be read by it', async ({ volumes }) => {
  const path = await volumes.files('u1', 's', [file('d/key', 'x', 0o400)], {
    fsGroup: 4321,
    plugin: 'secret',
    memory: true,
  })
  const found = await stat(join(path, 'd/key'))
  assert.equal([found.gid, found.mode & 0o7777], [4321, 0o440])
  assert.is((await stat(join(path, 'd'))).gid, 4321)
  assert.is(await isMountPoint(path), true)
})

test('a file never leaves its volume', async ({ volumes }) => {
  for (const path of ['../x', '/etc/x', 'a/../../x', '..data', ''])
    assert.match(
      await messageOf(volumes.files('u1', 'v', [file(path, 'x')], {})),
      'invalid path',
      path,
    )
  assert.match(await messageOf(volumes.files('../u1', 'v', [], {})), 'invalid name')
})

test('hostPath types are checked with Kubernetes’ messages', async ({ root, volumes }) => {
  const folder = join(root, 'folder')
  const plain = join(root, 'plain')
  await mkdir(folder)
  await writeFile(plain, '')
  const refused = (path: string, type: string) => messageOf(volumes.hostPath(path, type))
  const failure = (path: string, what: string) =>
    `hostPath type check failed: ${path} is not ${what}`
  assert.is(await volumes.hostPath('/no/such', ''), '/no/such')
  assert.is(await volumes.hostPath(folder, 'Directory'), folder)
  assert.is(await volumes.hostPath(plain, 'File'), plain)
  assert.is(await volumes.hostPath('/dev/null', 'CharDevice'), '/dev/null')
  assert.is(await refused('/no/such', 'Directory'), failure('/no/such', 'a directory'))
  assert.is(await refused(plain, 'DirectoryOrCreate'), failure(plain, 'a directory'))
  assert.is(await refused(folder, 'File'), failure(folder, 'a file'))
  assert.is(await refused(plain, 'Socket'), failure(plain, 'a socket file'))
  assert.is(await refused(plain, 'CharDevice'), failure(plain, 'a character device'))
  assert.is(await refused(plain, 'BlockDevice'), failure(plain, 'a block device'))
  const made = join(root, 'new/folder')
  assert.is((await stat(await volumes.hostPath(made, 'DirectoryOrCreate'))).isDirectory(), true)
  const madeFile = join(root, 'new/file')
  assert.is((await stat(await volumes.hostPath(madeFile, 'FileOrCreate'))).isFile(), true)
  assert.match(await refused(join(root, 'absent/file'), 'FileOrCreate'), 'ENOENT')
  const server = createServer().listen(join(root, 'socket'))
  await new Promise((resolve) => server.once('listening', resolve))
  assert.is(await volumes.hostPath(join(root, 'socket'), 'Socket'), join(root, 'socket'))
  server.close()
})

test('a subPath is made when missing and stays inside its volume', async ({ root, volumes }) => {
  const path = await volumes.emptyDir('u1', 'v', { memory: false })
  assert.is(await volumes.subPath(path, 'a/b'), join(path, 'a/b'))
  assert.is((await lstat(join(path, 'a/b'))).isDirectory(), true)
  await writeFile(join(path, 'a/file'), '')
  assert.is(await volumes.subPath(path, 'a/file'), join(path, 'a/file'))
  await symlink('a', join(path, 'inside'))
  assert.is(await volumes.subPath(path, 'inside/b'), join(path, 'a/b'))
  await symlink(root, join(path, 'outside'))
  await symlink('/etc', join(path, 'etc'))
  for (const leading of ['outside', 'outside/x', 'etc/passwd'])
    assert.match(await messageOf(volumes.subPath(path, leading)), 'is outside of the volume')
  for (const invalid of ['../x', '/etc', 'a/../../x'])
    assert.match(await messageOf(volumes.subPath(path, invalid)), 'invalid subPath')
})

test('a termination log is new for each attempt, open to all, and read from its end', async ({
  volumes,
}) => {
  assert.is(await volumes.readTerminationLog('u1', 'app', 0), '')
  const path = await volumes.createTerminationLog('u1', 'app', 0)
  assert.is(await mode(path), 0o666)
  await writeFile(path, `${'x'.repeat(5000)}end`)
  const text = await volumes.readTerminationLog('u1', 'app', 0)
  assert.is(text.length, 4096)
  assert.match(text, /end$/)
  assert.is.not(await volumes.createTerminationLog('u1', 'app', 1), path)
})

test('a file of the pod keeps its identity when it changes', async ({ volumes }) => {
  const path = await volumes.podFile('u1', 'etc-hosts', 'one')
  const { ino } = await stat(path)
  await volumes.podFile('u1', 'etc-hosts', 'two')
  assert.is(await readFile(path, 'utf8'), 'two')
  assert.is((await stat(path)).ino, ino)
  assert.equal(await volumes.listPods(), ['u1'])
})

test('mount points with blanks are read as they are', () => {
  assert.equal(parseMountPoints('36 35 98:0 / /a\\040b rw - tmpfs tmpfs rw\n'), ['/a b'])
})

test.run()
