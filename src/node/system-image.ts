/**
 * The image of Kubus itself, put together from this machine's programs: node, nats-server, what a kubelet and a
 * proxy run, the libraries all of them load, a static busybox for the rest, and the build of the command.
 *
 * Invariant: needs no base image, no registry and no build by the engine; a program and its libraries come from
 * one machine, so they fit each other. It does not make the images of pods.
 */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Pack } from 'tar-stream'
import { pack } from 'tar-stream'
import { busyboxApplets, findBusybox } from './busybox.ts'
import { findProgram, runCommand } from './command.ts'
import { ask, connectEngine, isNotFound } from './docker/engine.ts'
import { importTar } from './images.ts'

export interface SystemImageOptions {
  tag: string
  socketPath: string
  toolsDir: string
  /** Path of the nats-server to put in. */
  natsServer: string
  /** Path of the built command; the chunks it loads lie beside it. */
  program: string
}

/** Busybox stands in where the machine lacks one. */
const HOST_PROGRAMS = ['nft', 'ip', 'iptables', 'nsenter', 'mount', 'umount', 'tar']
/** Loaded by name at run time, so that ldd does not tell. */
const LOADED_LATER = ['libnss_files.so.2', 'libnss_dns.so.2', 'libresolv.so.2']
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'
const PROGRAM_FOLDER = '/opt/kubus'
const FOLDERS = ['dev', 'etc', 'opt', 'proc', 'root', 'run', 'sys', 'tmp', 'usr', 'var']
/** As Debian has it: one tree under /usr. */
const LINKED_FOLDERS = ['bin', 'sbin', 'lib', 'lib64']

const PROTOCOLS =
  'ip 0 IP\nicmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\nipv6-icmp 58 IPv6-ICMP\nsctp 132 SCTP\n'
const ETC: Readonly<Record<string, string>> = {
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
  '/etc/group': 'root:x:0:\nnogroup:x:65534:\n',
  '/etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  '/etc/protocols': PROTOCOLS,
  '/usr/bin/kubus': `#!/bin/sh\nexec node --enable-source-maps ${PROGRAM_FOLDER}/kubus.mjs "$@"\n`,
}

/** Path in the image → a file of this machine, text, or the target of a link. */
type Content = Map<string, { source: string } | { text: string } | { link: string }>

/** Builds and imports it; takes about five seconds. */
export const buildSystemImage = async (
  options: SystemImageOptions,
): Promise<{ files: number; bytes: number }> => {
  const docker = connectEngine(options.socketPath)
  const busybox = await findBusybox(docker, options.toolsDir)
  const content: Content = new Map()
  for (const [path, text] of Object.entries(ETC)) content.set(path, { text })
  addCommand(content, options.program)
  await addPrograms(content, options.natsServer)
  content.set('/usr/bin/busybox', { source: busybox.path })
  for (const applet of await busyboxApplets(busybox.path))
    if (!content.has(`/usr/bin/${applet}`))
      content.set(`/usr/bin/${applet}`, { link: '/usr/bin/busybox' })
  if (existsSync(CERTIFICATES)) content.set(CERTIFICATES, { source: CERTIFICATES })
  const image = docker.getImage(options.tag)
  const idOf = async () => (await ask('Unknown', () => image.inspect(), isNotFound))?.Id
  const replaced = await idOf()
  const tar = pack()
  const written = writeTar(tar, content)
  await importTar(docker, tar, options.tag, [
    'ENV PATH=/usr/local/bin:/usr/bin:/bin',
    `ENTRYPOINT ["/usr/bin/node", "--enable-source-maps", "${PROGRAM_FOLDER}/kubus.mjs"]`,
  ])
  // Containers that still run from it keep it.
  if (replaced && replaced !== (await idOf()))
    await ask(
      'Unknown',
      () => docker.getImage(replaced).remove(),
      () => true,
    )
  return { files: content.size, bytes: await written }
}

/** The command and every chunk it may load, with their source maps, and the files it reads. */
const addCommand = (content: Content, program: string) => {
  const folder = dirname(program)
  const pending = [basename(program)]
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const source = join(folder, name)
    if (content.has(`${PROGRAM_FOLDER}/${name}`) || !existsSync(source)) continue
    content.set(`${PROGRAM_FOLDER}/${name}`, { source })
    if (existsSync(`${source}.map`))
      content.set(`${PROGRAM_FOLDER}/${name}.map`, { source: `${source}.map` })
    for (const [, chunk = ''] of readFileSync(source, 'utf8').matchAll(
      /["']\.\/([\w.-]+\.mjs)["']/g,
    ))
      pending.push(chunk)
  }
  const documents = join(folder, DOCUMENTS)
  for (const name of existsSync(documents) ? readdirSync(documents) : [])
    content.set(`${PROGRAM_FOLDER}/${DOCUMENTS}/${name}`, { source: join(documents, name) })
}

/** Published beside the command by the build: OpenAPI documents. */
const DOCUMENTS = 'openapi'

const addPrograms = async (content: Content, natsServer: string) => {
  const programs = new Map([
    ['node', process.execPath],
    ['nats-server', natsServer],
  ])
  for (const name of HOST_PROGRAMS) {
    const found = findProgram(name)
    if (found) programs.set(name, found)
  }
  const sources: string[] = []
  for (const [name, path] of programs) {
    const source = realpathSync(path)
    // One program of several names looks at the name it was called by.
    if (basename(source) === name) content.set(`/usr/bin/${name}`, { source })
    else {
      content.set(`/usr/bin/${basename(source)}`, { source })
      content.set(`/usr/bin/${name}`, { link: basename(source) })
    }
    sources.push(source)
  }
  await addLibraries(content, sources)
}

/** What `ldd` prints: `name => path` and, for the loader, its path alone. */
export const parseLibraries = (text: string): string[] => [
  ...new Set(
    text
      .split('\n')
      .map((line) => /(?:=>\s+|^\s+)(\/\S+)\s+\(0x/.exec(line)?.[1])
      .filter((path) => path !== undefined),
  ),
]

const merged = (path: string) =>
  LINKED_FOLDERS.some((folder) => path.startsWith(`/${folder}/`)) ? `/usr${path}` : path

/** All in the folder of the C library, where the loader looks without being told; the loader at its own place. */
const addLibraries = async (content: Content, programs: readonly string[]) => {
  const first = parseLibraries((await runCommand('ldd', programs)).stdout)
  const libc = first.find((path) => /\/libc[.-]/.test(path))
  if (!libc) throw new Error('ldd, which tells the libraries of programs, is missing or failed')
  const home = dirname(libc)
  const plugins = join(home, 'xtables')
  const modules = existsSync(plugins) ? readdirSync(plugins).map((name) => join(plugins, name)) : []
  const later = LOADED_LATER.map((name) => join(home, name)).filter((path) => existsSync(path))
  const second = modules.length > 0 ? parseLibraries((await runCommand('ldd', modules)).stdout) : []
  for (const path of [...first, ...second, ...later]) {
    const isLoader = /\/ld-[\w.-]+$/.test(path)
    content.set(merged(isLoader ? path : join(home, basename(path))), {
      source: realpathSync(path),
    })
  }
  for (const path of modules) content.set(merged(path), { source: realpathSync(path) })
}

/** Writes everything, folders first; resolves with the bytes of the files. */
const writeTar = async (tar: Pack, content: Content): Promise<number> => {
  const entry = (header: Parameters<Pack['entry']>[0], data?: Buffer) =>
    new Promise<void>((resolve, reject) => {
      const done = (error?: Error | null) => (error ? reject(error) : resolve())
      if (data) tar.entry(header, data, done)
      else tar.entry(header, done)
    })
  const folders = new Set(FOLDERS)
  for (const folder of LINKED_FOLDERS) folders.add(`usr/${folder}`)
  for (const path of content.keys()) {
    const steps = path.split('/').slice(1, -1)
    steps.forEach((_, index) => {
      folders.add(steps.slice(0, index + 1).join('/'))
    })
  }
  for (const name of [...folders].sort())
    await entry({ name, type: 'directory', mode: name === 'tmp' ? 0o1777 : 0o755 })
  for (const name of LINKED_FOLDERS) await entry({ name, type: 'symlink', linkname: `usr/${name}` })
  let bytes = 0
  for (const [path, what] of content) {
    const name = path.slice(1)
    if ('link' in what) {
      await entry({ name, type: 'symlink', linkname: what.link })
      continue
    }
    const data = 'text' in what ? Buffer.from(what.text) : readFileSync(what.source)
    bytes += data.length
    await entry({ name, mode: path.startsWith('/etc') ? 0o644 : 0o755 }, data)
  }
  tar.finalize()
  return bytes
}
