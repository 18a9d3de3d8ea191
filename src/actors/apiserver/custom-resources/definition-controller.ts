/**
 * Brings CustomResourceDefinitions from what was asked to what is: names accepted, established, cleaned up.
 *
 * Every apiserver does it; compare-and-set lets one of them win. One definition is looked at at a time, so that
 * two never get one name from the same replica. Invariant: a definition goes only when no instance of it is left.
 */
import {
  CustomResourceDefinition,
  type DefinitionStatus,
} from '../../../api/apiextensions/custom-resource-definition.ts'
import {
  CLEANUP_FINALIZER,
  conditionOf,
  isEstablished,
  settledStatus,
  withCondition,
} from '../../../api/apiextensions/definition-status.ts'
import { StatusError } from '../../../api/status-error.ts'
import { timestamp } from '../../../std/clock.ts'
import type { Log } from '../../../std/log.ts'
import { SYSTEM } from '../bootstrap.ts'
import { execute } from '../pipeline.ts'
import { NO_QUERY } from '../request.ts'
import type { Services } from '../services.ts'

export interface DefinitionController {
  look(definition: CustomResourceDefinition): void
  /** An instance of the definition has gone. */
  lookAgain(name: string): void
  stop(): Promise<void>
}

const RETRY_MS = 1_000

export const controlDefinitions = (services: Services, log: Log): DefinitionController => {
  const controller = new Controller(services, log)
  return {
    look: ({ metadata }) => controller.add(metadata.name),
    lookAgain: (name) => {
      const definition = services.storage.cache.get(CustomResourceDefinition, undefined, name)
      if (definition?.metadata.deletionTimestamp) controller.add(name)
    },
    stop: () => controller.stop(),
  }
}

class Controller {
  private readonly pending = new Set<string>()
  private running: Promise<void> | undefined
  private isStopped = false

  constructor(
    private readonly services: Services,
    private readonly log: Log,
  ) {}

  add(name: string): void {
    if (this.isStopped) return
    this.pending.add(name)
    this.start()
  }

  private start(): void {
    this.running ??= this.run().finally(() => {
      this.running = undefined
      if (this.pending.size > 0) this.start()
    })
  }

  async stop(): Promise<void> {
    this.isStopped = true
    this.pending.clear()
    await this.running
  }

  private async run(): Promise<void> {
    // The change that brought us here is still being told to others.
    await Promise.resolve()
    for (const name of this.pending) {
      this.pending.delete(name)
      try {
        await this.settle(name)
      } catch (error) {
        if (isOvertaken(error)) continue
        this.log.warn({ definition: name, err: error }, 'a definition could not be settled')
        this.services.clock.after(RETRY_MS, () => this.add(name))
      }
    }
  }

  private async settle(name: string): Promise<void> {
    const { services } = this
    const { cache } = services.storage
    const definition = cache.get(CustomResourceDefinition, undefined, name)
    if (!definition) return this.reconsider(name)
    if (definition.metadata.deletionTimestamp) return this.cleanUp(definition)
    const now = timestamp(services.clock.now())
    const status = settledStatus(definition, this.othersOf(name), now)
    if (status === definition.status) return
    await this.writeStatus(definition, status)
    this.reconsider(name)
  }

  /** The other definitions of a group. */
  private othersOf(name: string): CustomResourceDefinition[] {
    const { cache } = this.services.storage
    const group = name.slice(name.indexOf('.'))
    return cache
      .list(CustomResourceDefinition)
      .filter(({ metadata }) => metadata.name !== name && metadata.name.endsWith(group))
  }

  /** A name may be free now. */
  private reconsider(name: string): void {
    for (const other of this.othersOf(name))
      if (conditionOf(other, 'NamesAccepted')?.status !== 'True') this.add(other.metadata.name)
  }

  private async writeStatus(
    definition: CustomResourceDefinition,
    status: DefinitionStatus,
  ): Promise<CustomResourceDefinition> {
    const result = await execute(this.services, {
      verb: 'update',
      kind: CustomResourceDefinition,
      subresource: 'status',
      namespace: undefined,
      name: definition.metadata.name,
      user: SYSTEM,
      query: NO_QUERY,
      body: { ...definition, status },
    })
    return result.type === 'object' ? (result.object as CustomResourceDefinition) : definition
  }

  private terminating(
    definition: CustomResourceDefinition,
    status: 'True' | 'False',
    reason: string,
    message: string,
  ): DefinitionStatus {
    const now = timestamp(this.services.clock.now())
    const state = { type: 'Terminating', status, reason, message }
    return {
      ...(definition.status as DefinitionStatus),
      conditions: withCondition(definition.status?.conditions ?? [], state, now),
    }
  }

  private async cleanUp(found: CustomResourceDefinition): Promise<void> {
    if (!found.metadata.finalizers?.includes(CLEANUP_FINALIZER)) return
    let definition = found
    if (isEstablished(definition)) {
      if (conditionOf(definition, 'Terminating')?.reason !== 'InstanceDeletionInProgress')
        definition = await this.writeStatus(
          definition,
          this.terminating(
            definition,
            'True',
            'InstanceDeletionInProgress',
            'CustomResource deletion is in progress',
          ),
        )
      if (!(await this.removeInstances(definition))) return
      definition = await this.writeStatus(
        definition,
        this.terminating(definition, 'False', 'InstanceDeletionCompleted', 'removed all instances'),
      )
    } else
      definition = await this.writeStatus(
        definition,
        this.terminating(definition, 'False', 'NeverEstablished', 'resource was never established'),
      )
    await this.release(definition)
  }

  /** Whether none is left; the end of the last one brings the definition here again. */
  private async removeInstances({ spec }: CustomResourceDefinition): Promise<boolean> {
    const { storage } = this.services
    const kind = storage.cache.kinds.storedAt(spec.group, spec.names.plural)
    if (kind.version !== '') return true
    await storage.barrier(kind)
    if (storage.cache.list(kind).length > 0) {
      await execute(this.services, {
        verb: 'deletecollection',
        kind,
        namespace: undefined,
        name: undefined,
        user: SYSTEM,
        query: NO_QUERY,
      })
      await storage.barrier(kind)
    }
    return storage.cache.list(kind).length === 0
  }

  private async release(definition: CustomResourceDefinition): Promise<void> {
    const { metadata } = definition
    const finalizers = metadata.finalizers?.filter((name) => name !== CLEANUP_FINALIZER) ?? []
    await execute(this.services, {
      verb: 'patch',
      patch: 'merge',
      kind: CustomResourceDefinition,
      namespace: undefined,
      name: metadata.name,
      user: SYSTEM,
      query: NO_QUERY,
      body: { metadata: { resourceVersion: metadata.resourceVersion, finalizers } },
    })
  }
}

/** Another replica was faster: its write is on its way here. */
const isOvertaken = (error: unknown): boolean =>
  error instanceof StatusError && (error.code === 409 || error.code === 404)
