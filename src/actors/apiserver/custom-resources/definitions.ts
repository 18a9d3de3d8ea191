/**
 * Serves what CustomResourceDefinitions define, on this replica.
 *
 * Every change of a definition in the cache becomes the served kinds of the registry in the same turn, before
 * any watcher hears of it. Invariant: a kind is served while its definition is Established; watches end when it
 * is served no longer or otherwise. Who accepts names and ends definitions is `definition-controller.ts`.
 */
import { createHash } from 'node:crypto'
import {
  CustomResourceDefinition,
  type DefinitionStatus,
} from '../../../api/apiextensions/custom-resource-definition.ts'
import { isEstablished } from '../../../api/apiextensions/definition-status.ts'
import type { AnyKind } from '../../../api/kind.ts'
import type { Clock } from '../../../std/clock.ts'
import type { Log } from '../../../std/log.ts'
import { releaseMemory } from '../../../std/release-memory.ts'
import type { Services } from '../services.ts'
import type { WatchHub } from '../watch-hub.ts'
import { conversionWebhook } from './conversion-webhook.ts'
import { controlDefinitions } from './definition-controller.ts'

export interface CustomResources {
  /** Resolves when every definition that was Established before the call is served here. */
  caughtUp(): Promise<void>
  stop(): Promise<void>
}

type KindMaker = typeof import('../../../api/apiextensions/custom-kind.ts')

/** Resolves when everything that is defined is served; the cache must be complete. */
export const serveCustomResources = async (
  services: Services,
  hub: WatchHub,
  log: Log,
): Promise<CustomResources> => {
  const { cache } = services.storage
  const server = new DefinitionServer(services, hub)
  const controller = controlDefinitions(services, log)
  const tidying = tidyAfterBursts(services.clock)
  const unsubscribe = cache.subscribe(({ type, kind, object }) => {
    if (kind === CustomResourceDefinition) {
      const definition = object as CustomResourceDefinition
      if (type === 'DELETED') server.withdraw(definition.metadata.name)
      else server.serve(definition)
      controller.look(definition)
      tidying.changed()
    } else if (type === 'DELETED' && kind.version === '')
      controller.lookAgain(`${kind.plural}.${kind.group}`)
  })
  const known = cache.list(CustomResourceDefinition)
  if (known.length > 0) await server.load()
  for (const definition of known) {
    server.serve(definition)
    controller.look(definition)
  }
  return {
    caughtUp: async () => {
      await services.storage.barrier(CustomResourceDefinition)
      await server.loaded
    },
    stop: async () => {
      unsubscribe()
      tidying.stop()
      await controller.stop()
    },
  }
}

/** Whoever installs definitions installs many, and each is decoded, checked and hashed once. */
const BURST = 20
const QUIET_MS = 2_000
/** A larger heap would take longer to look through than a request should wait. */
const SMALL_HEAP_BYTES = 128 * 1024 * 1024

const tidyAfterBursts = (clock: Clock) => {
  let changes = 0
  let cancel = (): void => undefined
  const tidy = () => {
    const isBurst = changes >= BURST
    changes = 0
    if (isBurst && process.memoryUsage().heapUsed < SMALL_HEAP_BYTES) releaseMemory(clock)
  }
  return {
    changed: () => {
      changes++
      cancel()
      cancel = clock.after(QUIET_MS, tidy)
    },
    stop: () => cancel(),
  }
}

class DefinitionServer {
  private readonly served = new Map<string, { form: string; kinds: readonly AnyKind[] }>()
  private maker: KindMaker | undefined
  /** Resolves when what waited for the code of custom kinds is served. */
  loaded: Promise<void> = Promise.resolve()

  constructor(
    private readonly services: Services,
    private readonly hub: WatchHub,
  ) {}

  /** The code of custom kinds, which a cluster without them does not hold. */
  async load(): Promise<void> {
    this.maker ??= await import('../../../api/apiextensions/custom-kind.ts')
  }

  serve(definition: CustomResourceDefinition): void {
    const { name } = definition.metadata
    if (!isEstablished(definition)) {
      this.withdraw(name)
      if (!this.maker) void this.load()
      return
    }
    if (!this.maker) {
      const served = this.load().then(() => {
        const { cache } = this.services.storage
        const now = cache.get(CustomResourceDefinition, undefined, name)
        if (now) this.serve(now)
      })
      this.loaded = Promise.all([this.loaded, served]).then(() => undefined)
      return
    }
    const form = formOf(definition)
    const before = this.served.get(name)
    if (before?.form === form) return
    const { cache } = this.services.storage
    const { group, names } = definition.spec
    const stored = cache.kinds.storedAt(group, names.plural)
    const kinds = this.maker.customKinds(definition, {
      stored,
      convert: conversionWebhook(definition, this.services.webhooks),
      definition: () => cache.get(CustomResourceDefinition, undefined, name),
    })
    this.served.set(name, { form, kinds })
    cache.kinds.serve(name, kinds)
    if (before) this.hub.end(before.kinds)
  }

  withdraw(name: string): void {
    const before = this.served.get(name)
    if (!before) return
    this.served.delete(name)
    this.services.storage.cache.kinds.serve(name, [])
    this.hub.end(before.kinds)
  }
}

/** What the served kinds follow from; the end of a definition, which counts as a change of it, is no part. */
const formOf = ({ metadata, spec, status }: CustomResourceDefinition): string =>
  createHash('sha1')
    .update(JSON.stringify([metadata.uid, spec, (status as DefinitionStatus).acceptedNames]))
    .digest('base64')
