/**
 * Containers on a Docker engine: create, start, stop, remove, inspect.
 *
 * Invariant: what it remembers of a container is given out only while the engine reports the same state, and
 * forgotten as soon as somebody acts on it. It neither restarts nor replaces anything.
 */
import { mkdir } from 'node:fs/promises'
import type Docker from 'dockerode'
import {
  type Container,
  type ContainerResources,
  type ContainerSpec,
  type Mount,
  RuntimeError,
} from '../runtime.ts'
import { containerConfig, resourceConfig, type SandboxFacts } from './container-config.ts'
import type { Driver } from './driver.ts'
import { ask, isConflict, isNotFound, isNotModified } from './engine.ts'
import { containerFrom, type Limits } from './inspection.ts'
import { LABEL } from './labels.ts'

export interface Containers {
  create(spec: ContainerSpec, sandbox: Promise<SandboxFacts>): Promise<string>
  start(id: string): Promise<void>
  stop(id: string, graceSeconds: number): Promise<void>
  remove(id: string): Promise<void>
  resize(id: string, resources: ContainerResources): Promise<void>
  inspect(id: string): Promise<Container | undefined>
  /** Without asking the engine where nothing can have changed; `state` is the engine's word. */
  known(id: string, state: string): Promise<Container | undefined>
  /** Forgets what it knows of all others. */
  keep(ids: ReadonlySet<string>): void
  /** Ends the containers of a sandbox; removes them too when `everything`. */
  removeOf(sandboxId: string, everything: boolean): Promise<void>
}

export const createContainers = (driver: Driver): Containers => {
  const { docker, abilities, starts } = driver
  const cache = new Map<string, { engineState: string; container: Container }>()

  let limits: Promise<Limits> | undefined
  const learnLimits = (): Promise<Limits> => {
    limits ??= hostLimits(docker)
    limits.catch(() => {
      limits = undefined
    })
    return limits
  }

  const inspect = async (id: string) => {
    const info = await ask('Unknown', () => docker.getContainer(id).inspect(), isNotFound)
    if (!info) {
      cache.delete(id)
      return undefined
    }
    const container = containerFrom(info, await learnLimits())
    cache.set(id, { engineState: info.State.Status, container })
    return container
  }

  const create = async (spec: ContainerSpec, sandbox: Promise<SandboxFacts>) => {
    const [grants, facts] = await Promise.all([
      abilities.grants({
        negativeOomScore: (spec.oomScoreAdj ?? 0) < 0,
        privileged: spec.privileged,
      }),
      sandbox,
      ...spec.mounts.map(makeMountSource),
    ])
    const attempt = (asked: ContainerSpec) =>
      createNamed(docker, containerConfig(asked, facts, grants))
    return attempt(spec).catch((error: unknown) => {
      if (!HOLDS_ENGINE.test(String(error))) throw error
      return attempt({ ...spec, mounts: spec.mounts.map(followingHost) })
    })
  }

  const remove = async (id: string) => {
    cache.delete(id)
    await ask('Unknown', () => docker.getContainer(id).remove({ force: true, v: true }), isGone)
  }

  const stop = async (id: string, graceSeconds: number) => {
    const container = docker.getContainer(id)
    const grace = Math.max(0, Math.ceil(graceSeconds))
    if (grace === 0) await kill(docker, id)
    else await ask('Unknown', () => container.stop({ t: grace }), isStopped)
  }

  return {
    create,
    stop,
    remove,
    resize: async (id, resources) => {
      cache.delete(id)
      await ask('Unknown', () => docker.getContainer(id).update(resourceConfig(resources)))
    },
    inspect,
    start: async (id) => {
      cache.delete(id)
      await starts(() => ask('StartFailed', () => docker.getContainer(id).start(), isNotModified))
    },
    known: async (id, state) => {
      const cached = cache.get(id)
      return cached?.engineState === state ? cached.container : inspect(id)
    },
    keep: (ids) => {
      for (const id of cache.keys()) if (!ids.has(id)) cache.delete(id)
    },
    removeOf: async (sandboxId, everything) => {
      const items = await ask('Unknown', () =>
        docker.listContainers({
          all: everything,
          filters: { label: [`${LABEL.sandbox}=${sandboxId}`] },
        }),
      )
      await Promise.all((items ?? []).map(({ Id }) => (everything ? remove(Id) : kill(docker, Id))))
    },
  }
}

/** The engine's own files may only be mounted where its later mounts and unmounts are seen. */
const HOLDS_ENGINE = /must use either propagation mode "rslave" or "rshared"/

const followingHost = (mount: Mount): Mount => ({
  ...mount,
  propagation: mount.propagation === 'rshared' ? 'rshared' : 'rslave',
})

const hostLimits = async (docker: Docker): Promise<Limits> => {
  const info = (await ask('Unknown', () => docker.info())) as HostAbilities | undefined
  return {
    cpu: info?.CPUShares === true && info.CpuCfsQuota === true,
    memory: info?.MemoryLimit === true,
  }
}

interface HostAbilities {
  CPUShares?: boolean
  CpuCfsQuota?: boolean
  MemoryLimit?: boolean
}

const isStopped = (error: unknown) => isNotModified(error) || isNotFound(error)
/** Absent, or being removed by somebody else at this moment. */
const isGone = (error: unknown) => isNotFound(error) || isConflict(error)

/** Ends a container or sandbox at once; resolves when it has exited. */
export const kill = async (docker: Docker, id: string): Promise<void> => {
  const container = docker.getContainer(id)
  await ask('Unknown', () => container.kill({ signal: 'SIGKILL' }), isGone)
  await ask('Unknown', () => container.wait({ condition: 'not-running' }), isNotFound)
}

/** A container of the same name is the leftover of an attempt that nobody recorded: it gives way. */
export const createNamed = async (
  docker: Docker,
  config: Docker.ContainerCreateOptions,
): Promise<string> => {
  const attempt = () => docker.createContainer(config)
  const created = await ask('CreateFailed', attempt, isConflict)
  if (created) return created.id
  await ask(
    'CreateFailed',
    () => docker.getContainer(config.name ?? '').remove({ force: true, v: true }),
    isGone,
  )
  const second = await ask('CreateFailed', attempt)
  if (!second) throw new RuntimeError('CreateFailed', `${config.name} was not created`)
  return second.id
}

/** A missing source becomes a folder, as in Kubernetes' runtimes; the engine itself would refuse it. */
const makeMountSource = async ({ hostPath }: { hostPath: string }) => {
  await mkdir(hostPath, { recursive: true }).catch(() => undefined)
}
