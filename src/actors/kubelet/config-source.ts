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

export interface ConfigStore {
  /** Current state of what is referred to; missing objects are absent. Rejects when the API does not answer. */
  load(namespace: string, references: References): Promise<ConfigSources>
  /** Calls back on every change of what is referred to, until the result is called. */
  follow(namespace: string, references: References, onChange: () => void): () => void
  stop(): void
}

interface Followed {
  cache: FollowedCache
  users: Set<() => void>
  isReady: boolean
}

type Config = ConfigMap | Secret

export const createConfigStore = (client: Client): ConfigStore => {
  const followed = new Map<string, Followed>()
  const fetching = new Map<string, Promise<Config | undefined>>()

  const fetchOne = (
    kind: Kind<ConfigMap> | Kind<Secret>,
    namespace: string,
    name: string,
  ): Promise<Config | undefined> => {
    const key = keyOf(kind, namespace, name)
    const known = followed.get(key)
    if (known?.isReady)
      return Promise.resolve(known.cache.get(kind as Kind<Config>, namespace, name))
    const under = fetching.get(key)
    if (under) return under
    const fetch = client
      .get(kind as Kind<Config>, namespace, name)
      .catch((error: unknown) => {
        if (error instanceof StatusError && error.code === 404) return undefined
        throw error
      })
      .finally(() => fetching.delete(key))
    fetching.set(key, fetch)
    return fetch
  }

  const followOne = (
    kind: Kind<ConfigMap> | Kind<Secret>,
    namespace: string,
    name: string,
    onChange: () => void,
  ) => {
    const key = keyOf(kind, namespace, name)
    let entry = followed.get(key)
    if (!entry) {
      if (followed.size >= FOLLOWED_MAX) return () => undefined
      const cache = client.follow([{ kind, namespace, fieldSelector: `metadata.name=${name}` }])
      const fresh: Followed = { cache, users: new Set(), isReady: false }
      cache.ready.then(
        () => {
          fresh.isReady = true
        },
        () => undefined,
      )
      cache.subscribe(({ object }) => {
        if (fresh.isReady && object.metadata.name === name) for (const user of fresh.users) user()
      })
      followed.set(key, fresh)
      entry = fresh
    }
    const { users, cache } = entry
    users.add(onChange)
    return () => {
      users.delete(onChange)
      if (users.size > 0) return
      cache.stop()
      followed.delete(key)
    }
  }

  return {
    load: async (namespace, { configMaps, secrets }) => {
      const found = { configMaps: new Map<string, ConfigMap>(), secrets: new Map<string, Secret>() }
      const fetches: Promise<void>[] = []
      for (const name of configMaps)
        fetches.push(
          fetchOne(ConfigMap, namespace, name).then((object) => {
            if (object) found.configMaps.set(name, object as ConfigMap)
          }),
        )
      for (const name of secrets)
        fetches.push(
          fetchOne(Secret, namespace, name).then((object) => {
            if (object) found.secrets.set(name, object as Secret)
          }),
        )
      await Promise.all(fetches)
      return {
        configMap: (name) => found.configMaps.get(name),
        secret: (name) => found.secrets.get(name),
      }
    },
    follow: (namespace, { configMaps, secrets }, onChange) => {
      const stops = [
        ...[...configMaps].map((name) => followOne(ConfigMap, namespace, name, onChange)),
        ...[...secrets].map((name) => followOne(Secret, namespace, name, onChange)),
      ]
      return () => {
        for (const stop of stops) stop()
      }
    },
    stop: () => {
      for (const { cache } of followed.values()) cache.stop()
      followed.clear()
    },
  }
}

const keyOf = (kind: { plural: string }, namespace: string, name: string) =>
  `${kind.plural}/${namespace}/${name}`
