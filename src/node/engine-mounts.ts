/**
 * The mount namespace of the Docker engine, for a kubelet that runs in a container and has another.
 *
 * Volumes are bound by the engine: what the kubelet mounts must be seen there, so its state folder must lie on
 * a shared mount. Where the system made its root shared (systemd does) nothing is done; elsewhere the folder
 * becomes a shared mount of its own. And a host's path means the engine's. Invariant: everything here works in
 * the engine's namespace, whatever namespace it is called from.
 */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { runCommand } from './command.ts'
import { unescapeMountPoint } from './mounts.ts'

export interface Mount {
  path: string
  /** `major:minor` of the file system. */
  device: string
  shared: boolean
}

/** Lines of `/proc/<pid>/mountinfo`. */
export const parseMounts = (mountInfo: string): Mount[] =>
  mountInfo
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [, , device = '', , path = '', , ...rest] = line.split(' ')
      const options = rest.slice(0, rest.indexOf('-'))
      return {
        path: unescapeMountPoint(path),
        device,
        shared: options.some((option) => option.startsWith('shared:')),
      }
    })

/** The mount a folder lies on: the last of the longest, since later mounts cover earlier ones. */
export const mountOf = (mounts: readonly Mount[], folder: string): Mount | undefined => {
  let found: Mount | undefined
  for (const mount of mounts) {
    const isAbove = mount.path === '/' || `${folder}/`.startsWith(`${mount.path}/`)
    if (isAbove && mount.path.length >= (found?.path.length ?? 0)) found = mount
  }
  return found
}

const mountNamespace = (pid: string) => readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined)

/**
 * A process in the engine's mount namespace: the host's first where it can be looked into, else an engine. Of
 * several engines (one may run in another's container) the one that sees the same files as this process counts.
 */
const engineProcess = async (): Promise<string> => {
  if (await mountNamespace('1')) return '1'
  const own = await mountNamespace('self')
  let elsewhere: string | undefined
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
    if (name.trim() !== 'dockerd') continue
    const namespace = await mountNamespace(pid)
    if (namespace === own) return pid
    // Without the right to look into it there is no way to go there either.
    if (namespace) elsewhere ??= pid
  }
  return elsewhere ?? 'self'
}

/** What to put before a path of the host: nothing where this process sees the host's files as they are. */
export const hostRoot = async (): Promise<string> => {
  const pid = await engineProcess()
  return (await mountNamespace(pid)) === (await mountNamespace('self')) ? '' : `/proc/${pid}/root`
}

/** Runs a program of the host, with the host's files around it. */
export const runOnHost = async (program: string, args: readonly string[]) => {
  const pid = await engineProcess()
  return (await hostRoot()) === ''
    ? runCommand(program, args)
    : runCommand('nsenter', [`--mount=/proc/${pid}/ns/mnt`, program, ...args])
}

const mountsOf = async (pid: string) =>
  parseMounts(await readFile(`/proc/${pid}/mountinfo`, 'utf8'))

const runBeside = async (pid: string, command: readonly string[]) => {
  const { code, stderr } = await runCommand('nsenter', [`--mount=/proc/${pid}/ns/mnt`, ...command])
  if (code !== 0) throw new Error(`${command.join(' ')}: ${stderr.trim()}`)
}

/** Makes `folder`, which exists, a shared mount unless it lies on one. */
export const shareFolder = async (folder: string): Promise<void> => {
  const pid = await engineProcess()
  if (mountOf(await mountsOf(pid), folder)?.shared) return
  await runBeside(pid, ['mount', '--bind', folder, folder])
  await runBeside(pid, ['mount', '--make-shared', folder])
}

/**
 * Undoes `shareFolder` and ends what kubelets mounted below `kubelets`; a folder that is a file system of its own
 * stays. Idempotent.
 */
export const unshareFolder = async (folder: string, kubelets: string): Promise<void> => {
  const pid = await engineProcess()
  const mounts = await mountsOf(pid)
  const left = mounts.filter(({ path }) => path.startsWith(`${kubelets}/`))
  for (const { path } of left.reverse()) await runBeside(pid, ['umount', '-l', path])
  const own = mountOf(mounts, folder)
  const above = mountOf(
    mounts.filter(({ path }) => path !== folder),
    folder,
  )
  if (own?.path === folder && own.device === above?.device) await runBeside(pid, ['umount', folder])
}
