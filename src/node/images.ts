/**
 * The images Kubus needs and cannot count on a registry for: the pause image, and the one of the example.
 *
 * Invariant: an image that exists is left alone. Both consist of one static busybox and its applets, imported as a
 * tar stream: no build, no network where busybox is at hand. Nothing here is pulled for users' pods.
 */
import { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { type Pack, pack } from 'tar-stream'
import type { Log } from '../std/log.ts'
import { busyboxApplets, findBusybox } from './busybox.ts'
import { ask, connectEngine, isNotFound } from './docker/engine.ts'
import { RuntimeError } from './runtime.ts'

export const PAUSE_IMAGE = 'kubus/pause:1'
export const HELLO_IMAGE = 'kubus/hello:1'
export const HELLO_PORT = 8080

const EXECUTABLE = 0o755
/** Long enough for "until killed": about 68 years, the longest sleep busybox takes. */
const SLEEP_SECONDS = 2_147_483_647

/** As process 1 httpd would ignore SIGTERM, so a shell takes the signal and ends it. */
const HELLO_SCRIPT = `#!/bin/sh
trap 'kill $server; exit 0' TERM INT
httpd -f -v -p ${HELLO_PORT} -h /www &
server=$!
wait $server
`

/** The page: which pod answers, and for what. */
const HELLO_PAGE = `#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\nHello from %s\\n' "$(hostname)"
`

export interface ImageFile {
  /** Absolute in the image. */
  path: string
  content: string
  mode?: number
}

export interface LocalImage {
  /** With its tag. */
  name: string
  files: readonly ImageFile[]
  /** Instructions as in a Dockerfile: `CMD […]`, `ENTRYPOINT […]`, `ENV …`, `EXPOSE …`. */
  changes: readonly string[]
}

const pauseImage = (name: string): LocalImage => ({
  name,
  files: [],
  changes: [`ENTRYPOINT ["/bin/sleep", "${SLEEP_SECONDS}"]`],
})

const helloImage: LocalImage = {
  name: HELLO_IMAGE,
  files: [
    { path: '/hello', content: HELLO_SCRIPT, mode: EXECUTABLE },
    { path: '/www/cgi-bin/index.cgi', content: HELLO_PAGE, mode: EXECUTABLE },
  ],
  changes: [
    'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    `EXPOSE ${HELLO_PORT}`,
    'ENTRYPOINT ["/hello"]',
  ],
}

const isPresent = async (docker: Docker, image: string) =>
  (await ask('Unknown', () => docker.getImage(image).inspect(), isNotFound)) !== undefined

/** Concurrent calls for one image on one engine in this process are one. */
const making = new Map<string, Promise<void>>()

const ensureImage = async (docker: Docker, image: LocalImage, stateDir?: string, log?: Log) => {
  if (await isPresent(docker, image.name)) return
  const running =
    making.get(image.name) ??
    importImage(docker, image, stateDir).finally(() => making.delete(image.name))
  making.set(image.name, running)
  await running
  log?.info({ image: image.name }, 'made a local image')
}

export const ensurePauseImage = ({
  docker,
  image = PAUSE_IMAGE,
  stateDir,
  log,
}: {
  docker: Docker
  image?: string
  stateDir?: string
  log?: Log
}): Promise<void> => ensureImage(docker, pauseImage(image), stateDir, log)

/**
 * Makes the pause and example images where they are absent; takes under a second with busybox at hand.
 * `stateDir` keeps a busybox that had to be fetched. Throws RuntimeError with what is missing and how to get it.
 */
export const ensureLocalImages = async ({
  socketPath,
  stateDir,
  log,
}: {
  socketPath?: string
  stateDir?: string
  log?: Log
} = {}): Promise<void> => {
  const docker = connectEngine(socketPath)
  await ensurePauseImage({ docker, ...(stateDir ? { stateDir } : {}), ...(log ? { log } : {}) })
  await ensureImage(docker, helloImage, stateDir, log)
}

/** Imports an image of busybox with its applets and `files`; replaces one of the same name. */
export const importImage = async (
  docker: Docker,
  image: LocalImage,
  stateDir?: string,
): Promise<void> => {
  const busybox = await findBusybox(docker, stateDir)
  const applets = await busyboxApplets(busybox.path)
  const tar = pack()
  const folders = new Set(['bin', 'tmp', 'etc', 'proc', 'sys', 'dev', 'root', 'www'])
  for (const { path } of image.files) for (const folder of parents(path)) folders.add(folder)
  for (const name of [...folders].sort())
    tar.entry({ name, type: 'directory', mode: name === 'tmp' ? 0o1777 : EXECUTABLE })
  tar.entry({ name: 'bin/busybox', mode: EXECUTABLE }, busybox.content)
  for (const applet of applets)
    tar.entry({ name: `bin/${applet}`, type: 'symlink', linkname: 'busybox' })
  tar.entry({ name: 'etc/passwd', mode: 0o644 }, 'root:x:0:0:root:/root:/bin/sh\n')
  tar.entry({ name: 'etc/group', mode: 0o644 }, 'root:x:0:\n')
  for (const { path, content, mode = 0o644 } of image.files)
    tar.entry({ name: path.replace(/^\/+/, ''), mode }, content)
  tar.finalize()
  await importTar(docker, tar, image.name, image.changes)
}

/** Makes a file system, as a tar stream, an image of one layer; replaces one of the same name. */
export const importTar = async (
  docker: Docker,
  tar: Pack,
  name: string,
  changes: readonly string[],
): Promise<void> => {
  const [repo, tag] = splitTag(name)
  const progress = await ask('Unknown', () =>
    docker.importImage(Readable.from(tar), { repo, tag, changes }),
  )
  if (!progress) throw new RuntimeError('Unknown', `importing ${name} gave no answer`)
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(progress, (error) =>
      error ? reject(new RuntimeError('Unknown', error.message)) : resolve(),
    )
  })
}

/** The folders above `path`, outermost first, without slashes at either end. */
const parents = (path: string): string[] => {
  const parts = path.split('/').filter(Boolean).slice(0, -1)
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}

const splitTag = (name: string): [string, string] => {
  const at = name.lastIndexOf(':')
  return [name.slice(0, at), name.slice(at + 1)]
}
