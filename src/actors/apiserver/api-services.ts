/**
 * Keeps the APIServices of what this API serves itself: those of built-in groups are made at start, those of
 * custom resources come and go with their definitions.
 *
 * Invariant: every replica does the same, and compare-and-set orders them; an APIService that somebody else
 * made, or that names a server, is never touched.
 */
import { APIService } from '../../api/apiregistration/api-service.ts'
import {
  AUTOMANAGED_LABEL,
  isListed,
  localApiService,
} from '../../api/apiregistration/local-api-services.ts'
import { StatusError } from '../../api/status-error.ts'
import type { Log } from '../../std/log.ts'
import { SYSTEM } from './bootstrap.ts'
import { execute } from './pipeline.ts'
import { NO_QUERY } from './request.ts'
import type { Services } from './services.ts'

/** Resolves when those of now are there; the result ends the keeping. */
export const keepApiServices = async (
  services: Services,
  log: Log,
): Promise<() => Promise<void>> => {
  const { kinds } = services.storage.cache
  let running: Promise<void> = Promise.resolve()
  let isWaiting = false
  const turn = async () => {
    isWaiting = false
    try {
      await reconcile(services)
    } catch (error) {
      log.warn({ err: error }, 'the APIServices of this API could not be kept')
    }
  }
  /** Changes that come while a turn waits to run are part of it. */
  const stopListening = kinds.onChange(() => {
    if (isWaiting) return
    isWaiting = true
    running = running.then(turn)
  })
  await turn()
  return async () => {
    stopListening()
    await running
  }
}

const reconcile = async (services: Services): Promise<void> => {
  const { cache } = services.storage
  const wanted = new Map<string, ReturnType<typeof localApiService>>()
  for (const { group, version, schema } of cache.kinds.served)
    if (isListed(group) && !wanted.has(`${version}.${group}`))
      wanted.set(`${version}.${group}`, localApiService(group, version, schema !== undefined))
  const missing = [...wanted].filter(([name]) => !cache.get(APIService, undefined, name))
  await Promise.all(missing.map(([, draft]) => create(services, draft)))
  const gone = cache
    .list(APIService, { labels: [{ key: AUTOMANAGED_LABEL, operator: '=', values: ['true'] }] })
    .filter(({ metadata, spec }) => !spec?.service && !wanted.has(metadata.name))
  await Promise.all(gone.map(({ metadata }) => remove(services, metadata.name)))
}

const create = (services: Services, body: object): Promise<void> =>
  unlessReason('AlreadyExists', () =>
    execute(services, { ...REQUEST, verb: 'create', name: undefined, body }),
  )

const remove = (services: Services, name: string): Promise<void> =>
  unlessReason('NotFound', () => execute(services, { ...REQUEST, verb: 'delete', name }))

const REQUEST = {
  kind: APIService,
  namespace: undefined,
  user: SYSTEM,
  manager: 'kube-aggregator',
  query: NO_QUERY,
} as const

/** Another replica may have been faster. */
const unlessReason = async (reason: string, run: () => Promise<unknown>): Promise<void> => {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof StatusError) || error.reason !== reason) throw error
  }
}
