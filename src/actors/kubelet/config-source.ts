/**
 * The ConfigMaps and Secrets that pods refer to: fetched when a container starts, followed while a volume
 * shows them.
 *
 * Invariant: one fetch and one watch an object, however many pods of this process use it; the number of
 * watches is bounded, and beyond the bound an object is only fetched. It never lists a namespace.
 */
import { ConfigMap } from '../../api/core/config-map.ts'
import { Secret } from '../../api/core/secret.ts'
import type { Kind } from '../../api/kind.ts'
import { StatusError } from '../../api/status-error.ts'
import type { Client, FollowedCache } from '../../client/client.ts'
import type { ConfigSources } from './environment.ts'
import type { References } from './volume-content.ts'

const FOLLOWED_MAX = 2000

interface Followed {
  cache: FollowedCache
  users: Set<() => void>
  isReady: boolean
}

type Config = ConfigMap | Secret

/** A kind that pods take configuration from. */
type ConfigKind = Kind<ConfigMap> | Kind<Secret>

export class ConfigStore {
  private readonly followed = new Map<string, Followed>()
  private readonly fetching = new Map<string, Promise<Config | undefined>>()

  constructor(private readonly client: Client) {}

  /** Current state of what is referred to; missing objects are absent. Rejects when the API does not answer. */
  async load(namespace: string, references: References): Promise<ConfigSources> {
    const [configMaps, secrets] = await Promise.all([
      this.fetchAll<ConfigMap>(ConfigMap, namespace, references.configMaps),
      this.fetchAll<Secret>(Secret, namespace, references.secrets),
    ])
    return {
      configMap: (name) => configMaps.get(name),
      secret: (name) => secrets.get(name),
    }
  }

  /** Calls back on every change of what is referred to, until the result is called. */
  follow(namespace: string, { configMaps, secrets }: References, onChange: () => void): () => void {
    const stops = [
      ...[...configMaps].map((name) => this.followOne(ConfigMap, namespace, name, onChange)),
      ...[...secrets].map((name) => this.followOne(Secret, namespace, name, onChange)),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }

  stop(): void {
    for (const { cache } of this.followed.values()) cache.stop()
    this.followed.clear()
  }

  private async fetchAll<T extends Config>(
    kind: Kind<T>,
    namespace: string,
    names: Iterable<string>,
  ): Promise<Map<string, T>> {
    const found = new Map<string, T>()
    await Promise.all(
      Array.from(names, async (name) => {
        const object = await this.fetchOne(kind as ConfigKind, namespace, name)
        if (object) found.set(name, object as T)
      }),
    )
    return found
  }

  private fetchOne(kind: ConfigKind, namespace: string, name: string): Promise<Config | undefined> {
    const key = keyOf(kind, namespace, name)
    const known = this.followed.get(key)
    if (known?.isReady)
      return Promise.resolve(known.cache.get(kind as Kind<Config>, namespace, name))
    const under = this.fetching.get(key)
    if (under) return under
    const fetch = this.client
      .get(kind as Kind<Config>, namespace, name)
      .catch((error: unknown) => {
        if (error instanceof StatusError && error.code === 404) return undefined
        throw error
      })
      .finally(() => this.fetching.delete(key))
    this.fetching.set(key, fetch)
    return fetch
  }

  private followOne(
    kind: ConfigKind,
    namespace: string,
    name: string,
    onChange: () => void,
  ): () => void {
    const key = keyOf(kind, namespace, name)
    let entry = this.followed.get(key)
    if (!entry) {
      if (this.followed.size >= FOLLOWED_MAX) return () => undefined
      entry = this.open(kind, namespace, name)
      this.followed.set(key, entry)
    }
    const { users, cache } = entry
    users.add(onChange)
    return () => {
      users.delete(onChange)
      if (users.size > 0) return
      cache.stop()
      this.followed.delete(key)
    }
  }

  private open(kind: ConfigKind, namespace: string, name: string): Followed {
    const fieldSelector = `metadata.name=${name}`
    const cache = this.client.follow([{ kind, namespace, fieldSelector }])
    const opened: Followed = { cache, users: new Set(), isReady: false }
    cache.ready.then(
      () => {
        opened.isReady = true
      },
      () => undefined,
    )
    cache.subscribe(({ object }) => {
      if (opened.isReady && object.metadata.name === name) for (const user of opened.users) user()
    })
    return opened
  }
}

const keyOf = (kind: { plural: string }, namespace: string, name: string) =>
  `${kind.plural}/${namespace}/${name}`
