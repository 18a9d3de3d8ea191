/**
 * The condition `Dangling` of flow schemas: whether the priority level they name exists.
 *
 * Every apiserver keeps it, as in Kubernetes; invariant: what is right already is not written. It looks again
 * a moment after schemas or levels have changed.
 */
import { FlowSchema } from '../../../api/flowcontrol/flow-schema.ts'
import { PriorityLevelConfiguration } from '../../../api/flowcontrol/priority-level-configuration.ts'
import { StatusError } from '../../../api/status-error.ts'
import { timestamp } from '../../../std/clock.ts'
import type { Log } from '../../../std/log.ts'
import { execute } from '../pipeline.ts'
import { NO_QUERY, type User } from '../request.ts'
import type { Services } from '../services.ts'

const LOOK_AFTER_MS = 1000
const MANAGER = 'api-priority-and-fairness-config-consumer-v1'

/** `user`: in whose name. The result ends it. */
export const keepSchemaStatus = (services: Services, user: User, log: Log): (() => void) => {
  const { storage, clock } = services
  let cancel: (() => void) | undefined
  const look = () => {
    cancel ??= clock.after(LOOK_AFTER_MS, () => {
      cancel = undefined
      markAll(services, user).catch((error: unknown) => {
        log.warn({ err: error }, 'the status of flow schemas could not be written')
      })
    })
  }
  const unsubscribe = storage.cache.subscribe(({ kind }) => {
    if (kind === FlowSchema || kind === PriorityLevelConfiguration) look()
  })
  look()
  return () => {
    unsubscribe()
    cancel?.()
  }
}

const markAll = async (services: Services, user: User): Promise<void> => {
  const { cache } = services.storage
  for (const schema of cache.list(FlowSchema)) {
    const level = schema.spec?.priorityLevelConfiguration.name ?? ''
    const exists = cache.get(PriorityLevelConfiguration, undefined, level) !== undefined
    const status = exists ? 'False' : 'True'
    const message = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)} ${exists ? 'and it exists' : 'but there is no such object'}`
    const known = schema.status?.conditions?.find(({ type }) => type === 'Dangling')
    if (known?.status === status && known.message === message) continue
    const condition = {
      type: 'Dangling',
      status,
      reason: exists ? 'Found' : 'NotFound',
      message,
      lastTransitionTime: timestamp(services.clock.now()),
    }
    await mark(services, user, schema.metadata.name, condition)
  }
}

const mark = async (
  services: Services,
  user: User,
  name: string,
  condition: object,
): Promise<void> => {
  try {
    await execute(services, {
      verb: 'patch',
      kind: FlowSchema,
      subresource: 'status',
      namespace: undefined,
      name,
      user,
      manager: MANAGER,
      query: NO_QUERY,
      patch: 'strategic',
      body: { status: { conditions: [condition] } },
    })
  } catch (error) {
    if (!(error instanceof StatusError) || error.reason !== 'NotFound') throw error
  }
}
