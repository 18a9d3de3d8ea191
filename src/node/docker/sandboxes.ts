/**
 * Sandboxes on a Docker engine: the pause container, its address and the files its containers share.
 *
 * Invariant: a sandbox whose network could not be set up does not stay; its address is free again. The address is
 * chosen before the container exists, so that it stands in its labels and survives a kubelet restart.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensurePauseImage } from '../images.ts'
import { type Mount, RuntimeError, type Sandbox, type SandboxSpec } from '../runtime.ts'
import type { ConnectTarget } from './connection.ts'
import { type SandboxFacts, sandboxConfig } from './container-config.ts'
import { createNamed, kill } from './containers.ts'
import type { Driver } from './driver.ts'
import { ask, isNotFound } from './engine.ts'
import { hostPortsOf, LABEL, type Labels } from './labels.ts'
import { hostsFile, resolverFile } from './sandbox-files.ts'

interface Known {
  facts: SandboxFacts
  ip: string | undefined
  pid: number
  folder: string
  ports: SandboxSpec['ports']
}

export class Sandboxes {
  private readonly cache = new Map<string, Known>()
  /** Addresses by sandbox, until it is stopped or removed. */
  private readonly held = new Map<string, string>()

  constructor(
    private readonly driver: Driver,
    private readonly removeContainers: (sandboxId: string, everything: boolean) => Promise<void>,
  ) {}

  /** Takes note of the address of a sandbox that an earlier process made. */
  adopt({ id, ip }: Sandbox): void {
    if (!ip || this.held.has(id)) return
    this.held.set(id, ip)
    this.driver.network.adopt(ip)
  }

  async create(spec: SandboxSpec): Promise<Sandbox> {
    const { docker, network, pauseImage, log } = this.driver
    const ip = spec.hostNetwork ? undefined : network.reserve()
    const attempt = () => this.build(spec, ip)
    try {
      return await attempt().catch(async (error: unknown) => {
        if (!(error instanceof RuntimeError) || error.reason !== 'ImageNotFound') throw error
        await ensurePauseImage({ docker, image: pauseImage, log })
        return attempt()
      })
    } catch (error) {
      if (ip) network.release(ip)
      throw error
    }
  }

  async stop(id: string): Promise<void> {
    const { docker, network } = this.driver
    const found = await this.known(id)
    if (!found) return
    await this.removeContainers(id, false)
    await kill(docker, id)
    await network.detach(id, found.ip, found.ports)
    this.release(id)
  }

  async remove(id: string): Promise<void> {
    const { docker, network } = this.driver
    const found = await this.known(id)
    if (!found) return
    await this.removeContainers(id, true)
    await ask('Unknown', () => docker.getContainer(id).remove({ force: true, v: true }), isNotFound)
    await network.detach(id, found.ip, found.ports)
    this.release(id)
    await rm(found.folder, { recursive: true, force: true })
  }

  async facts(id: string): Promise<SandboxFacts> {
    return (await this.needed(id)).facts
  }

  async address(id: string): Promise<ConnectTarget> {
    const { ip, pid } = await this.needed(id)
    return { host: ip ?? '127.0.0.1', pid: ip ? pid : undefined }
  }

  /** Creates, starts and connects; undoes what it did when a step fails. */
  private async build(spec: SandboxSpec, ip: string | undefined): Promise<Sandbox> {
    const { docker, abilities, pauseImage, stateDir, clock } = this.driver
    const folder = folderOf(stateDir, spec.pod.uid, spec.attempt)
    const [grants, mounts] = await Promise.all([
      abilities.grants({ negativeOomScore: true, privileged: false }),
      writeFiles(folder, spec, ip),
    ])
    const id = await createNamed(docker, sandboxConfig(spec, pauseImage, ip, grants))
    try {
      const pid = await this.connect(id, ip, spec)
      this.cache.set(id, { facts: factsOf(spec, mounts), ip, pid, folder, ports: spec.ports })
      if (ip) this.held.set(id, ip)
    } catch (error) {
      await docker
        .getContainer(id)
        .remove({ force: true, v: true })
        .catch(() => undefined)
      await rm(folder, { recursive: true, force: true })
      throw error
    }
    return {
      id,
      pod: spec.pod,
      state: 'ready',
      ...(ip ? { ip } : {}),
      createdAtMs: clock.now(),
      attempt: spec.attempt,
    }
  }

  /** Starts the pause container and gives it its address; returns its process. */
  private async connect(id: string, ip: string | undefined, spec: SandboxSpec): Promise<number> {
    const { docker, network, starts } = this.driver
    const container = docker.getContainer(id)
    await starts(() => ask('CreateFailed', () => container.start()))
    const pid = (await ask('CreateFailed', () => container.inspect()))?.State.Pid ?? 0
    if (pid === 0) throw new RuntimeError('CreateFailed', 'the sandbox ended as it started')
    if (ip) await network.attach(id, pid, ip, spec.ports)
    return pid
  }

  private async known(id: string): Promise<Known | undefined> {
    const { docker, stateDir } = this.driver
    const cached = this.cache.get(id)
    if (cached) return cached
    const info = await ask('Unknown', () => docker.getContainer(id).inspect(), isNotFound)
    if (!info) return undefined
    const labels = info.Config.Labels
    const folder = folderOf(stateDir, labels[LABEL.podUid] ?? '', Number(labels[LABEL.attempt]))
    const found = {
      facts: { ...hostNamespaces(labels), mounts: await existingFiles(folder) },
      ip: labels[LABEL.ip],
      pid: info.State.Pid,
      folder,
      ports: hostPortsOf(labels),
    }
    if (info.State.Running) this.cache.set(id, found)
    return found
  }

  private async needed(id: string): Promise<Known> {
    const found = await this.known(id)
    if (!found) throw new RuntimeError('NotFound', `no such sandbox: ${id}`)
    return found
  }

  private release(id: string) {
    this.cache.delete(id)
    const ip = this.held.get(id)
    if (ip && this.held.delete(id)) this.driver.network.release(ip)
  }
}

const folderOf = (stateDir: string, uid: string, attempt: number) =>
  join(stateDir, `${uid}-${attempt}`)

const factsOf = ({ hostPID, hostIPC }: SandboxSpec, mounts: readonly Mount[]): SandboxFacts => ({
  hostPID,
  hostIPC,
  mounts,
})

const hostNamespaces = (labels: Labels) => {
  const shared = (labels[LABEL.host] ?? '').split(',')
  return { hostPID: shared.includes('pid'), hostIPC: shared.includes('ipc') }
}

const FILES = { hosts: '/etc/hosts', 'resolv.conf': '/etc/resolv.conf' } as const

const mountOf = (folder: string, file: keyof typeof FILES): Mount => ({
  hostPath: join(folder, file),
  containerPath: FILES[file],
  readOnly: false,
})

const writeFiles = async (
  folder: string,
  spec: SandboxSpec,
  ip: string | undefined,
): Promise<Mount[]> => {
  await mkdir(folder, { recursive: true, mode: 0o755 })
  const host = async (path: string) => readFile(path, 'utf8').catch(() => '')
  const contents = {
    hosts: hostsFile(spec, ip, spec.hostNetwork ? await host('/etc/hosts') : undefined),
    'resolv.conf': spec.dns ? resolverFile(spec.dns) : await host('/etc/resolv.conf'),
  }
  await Promise.all(
    Object.entries(contents).map(([file, text]) =>
      writeFile(join(folder, file), text, { mode: 0o644 }),
    ),
  )
  return [mountOf(folder, 'hosts'), mountOf(folder, 'resolv.conf')]
}

/** Of a sandbox made by an earlier process; a folder lost with a reboot mounts nothing. */
const existingFiles = async (folder: string): Promise<Mount[]> => {
  const found = await Promise.all(
    (['hosts', 'resolv.conf'] as const).map((file) =>
      readFile(join(folder, file)).then(
        () => mountOf(folder, file),
        () => undefined,
      ),
    ),
  )
  return found.filter((mount) => mount !== undefined)
}
