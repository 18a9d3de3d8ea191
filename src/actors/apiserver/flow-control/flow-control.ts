/**
 * API priority and fairness: which requests run now, wait, or are told to come back.
 *
 * A request is filed under a flow schema, which names a priority level with seats of its own; what finds no
 * seats waits in a queue of its flow. Long lists take several. Invariant: whoever was given a seat gives it back once; exempt requests
 * never wait; with room to spare a request costs one look into a map. Long-running ones never come here.
 */
import type { FlowSchema } from '../../../api/flowcontrol/flow-schema.ts'
import { FlowSchema as FlowSchemaKind } from '../../../api/flowcontrol/flow-schema.ts'
import {
  type PriorityLevelConfiguration,
  PriorityLevelConfiguration as PriorityLevelKind,
} from '../../../api/flowcontrol/priority-level-configuration.ts'
import { type AnyKind, storedKind } from '../../../api/kind.ts'
import { StatusError, tooManyRequests } from '../../../api/status-error.ts'
import type { Cache } from '../../../client/view.ts'
import type { Clock } from '../../../std/clock.ts'
import type { User } from '../request.ts'
import { distinguisherOf, type FlowAttributes, type Schema, schemaFor } from './classify.ts'
import { type FlowConfiguration, flowConfiguration, type Level } from './flow-configuration.ts'
import { PriorityLevel, type Queue } from './priority-level.ts'
import { type ListWork, seatsFor } from './width.ts'

/** Kubernetes' 400 reading and 200 changing requests. */
const SEATS = 600
/** A quarter of what a request may take. */
const WAIT_MAX_MS = 15_000
/** Decisions remembered for one user and kind. */
const REMEMBERED_MAX = 100

/** What a request was filed under, for its answer's headers. */
export interface Classification {
  schema: Schema
  level: Level
}

/** A place among the running requests, of one seat or several. */
export interface Seat extends Classification {
  release(): void
}

/** Thrown with 429; the answer names the schema, too. */
export class Refused extends StatusError {
  readonly classification: Classification
  constructor(classification: Classification) {
    const { status } = tooManyRequests('Too many requests, please try again later.', 1)
    super(429, 'TooManyRequests', status.message!, status.details)
    this.classification = classification
  }
}

interface Filed extends Classification {
  /** Undefined for exempt ones. */
  limited: PriorityLevel | undefined
  /** The seat that all exempt requests share. */
  exempt: Seat | undefined
  figures: FlowFigures
}

interface FlowFigures {
  dispatched: number
  rejected: number
}

export class FlowControl {
  private configuration: FlowConfiguration | undefined
  private readonly levels = new Map<string, PriorityLevel>()
  private filedByUser = new WeakMap<User, Map<AnyKind, Map<string, Filed>>>()
  /** Of all levels. */
  private seatsTaken = 0
  private readonly figures = new Map<string, FlowFigures>()
  private readonly cache: Cache
  private readonly clock: Clock
  readonly stop: () => void

  constructor(cache: Cache, clock: Clock) {
    this.cache = cache
    this.clock = clock
    this.stop = cache.subscribe(({ kind }) => {
      if (kind === FlowSchemaKind || kind === PriorityLevelKind) this.configuration = undefined
    })
  }

  /**
   * A seat for a request about a resource; `namespace` undefined at cluster scope, `work` for lists and watches.
   * Throws Refused.
   */
  admit(
    user: User,
    verb: string,
    kind: AnyKind,
    subresource: string | undefined,
    namespace: string | undefined,
    work?: ListWork,
  ): Seat | Promise<Seat> {
    /** Most often only the verb is to be told apart. */
    let key = subresource === undefined ? verb : `${verb}/${subresource}`
    if (namespace === undefined) key += ' everywhere'
    else if (this.configuration?.tellsNamespaces) key += ` ${namespace}`
    const known = this.configuration && this.filedByUser.get(user)?.get(kind)?.get(key)
    if (known?.exempt) return known.exempt
    const resource = subresource === undefined ? kind.plural : `${kind.plural}/${subresource}`
    const { group } = kind
    const attributes = { user, verb, group, resource, namespace: namespace ?? '', path: '' }
    const filed = known ?? this.file(attributes)
    if (!known) this.remember(user, kind, key, filed)
    if (filed.exempt) return filed.exempt
    const isList = verb === 'list' || verb === 'watch'
    const seats =
      work && isList
        ? seatsFor(verb, work, this.cache.count(storedKind(kind), namespace), filed.limited!.limits)
        : 1
    return this.seat(filed, attributes, seats)
  }

  /** The same for a request that another server answers; `attributes` as its path tells them. */
  admitRemote(attributes: FlowAttributes): Seat | Promise<Seat> {
    const filed = this.file(attributes)
    return filed.exempt ?? this.seat(filed, attributes, 1)
  }

  /** The same for a path outside the resources. `verb` is the method in lower case. */
  admitPath(user: User, verb: string, path: string): Seat | Promise<Seat> {
    const attributes = { user, verb, group: '', resource: undefined, namespace: '', path }
    const filed = this.file(attributes)
    return filed.exempt ?? this.seat(filed, attributes, 1)
  }

  /** Figures in Prometheus' text form. */
  text(): string[] {
    const lines = ['# TYPE apiserver_flowcontrol_current_executing_requests gauge']
    for (const { name, executing } of this.levels.values())
      lines.push(
        `apiserver_flowcontrol_current_executing_requests{priority_level="${name}"} ${executing}`,
      )
    lines.push('# TYPE apiserver_flowcontrol_current_executing_seats gauge')
    for (const { name, seatsTaken } of this.levels.values())
      lines.push(
        `apiserver_flowcontrol_current_executing_seats{priority_level="${name}"} ${seatsTaken}`,
      )
    lines.push('# TYPE apiserver_flowcontrol_current_inqueue_requests gauge')
    for (const { name, waiting } of this.levels.values())
      lines.push(
        `apiserver_flowcontrol_current_inqueue_requests{priority_level="${name}"} ${waiting}`,
      )
    lines.push('# TYPE apiserver_flowcontrol_nominal_limit_seats gauge')
    for (const { name, limits } of this.levels.values())
      lines.push(
        `apiserver_flowcontrol_nominal_limit_seats{priority_level="${name}"} ${limits.nominal}`,
      )
    for (const what of ['dispatched', 'rejected'] as const) {
      lines.push(`# TYPE apiserver_flowcontrol_${what}_requests_total counter`)
      for (const [labels, figures] of this.figures)
        lines.push(`apiserver_flowcontrol_${what}_requests_total{${labels}} ${figures[what]}`)
    }
    return lines
  }

  private file(attributes: FlowAttributes): Filed {
    const { schemas, levels } = this.configuration ?? this.configure()
    const schema = schemaFor(schemas, attributes) ?? schemas[schemas.length - 1]!
    const level = levels.get(schema.spec.priorityLevelConfiguration.name)!
    const limited = level.limits ? this.levels.get(level.name) : undefined
    const exempt = limited ? undefined : { schema, level, release: () => undefined }
    return { schema, level, limited, exempt, figures: this.figuresOf(schema, level) }
  }

  private remember(user: User, kind: AnyKind, key: string, filed: Filed): void {
    let byKind = this.filedByUser.get(user)
    if (!byKind) {
      byKind = new Map()
      this.filedByUser.set(user, byKind)
    }
    const byKey = byKind.get(kind)
    if (!byKey) byKind.set(kind, new Map([[key, filed]]))
    else if (byKey.size < REMEMBERED_MAX) byKey.set(key, filed)
  }

  private configure(): FlowConfiguration {
    const configuration = flowConfiguration(
      this.cache.list(FlowSchemaKind) as FlowSchema[],
      this.cache.list(PriorityLevelKind) as PriorityLevelConfiguration[],
      SEATS,
    )
    for (const { name, limits } of configuration.levels.values()) {
      if (!limits) continue
      const known = this.levels.get(name)
      if (known) known.limits = limits
      else this.levels.set(name, new PriorityLevel(name, limits))
    }
    /** One that is gone works off what it has. */
    for (const [name, level] of this.levels)
      if (!configuration.levels.has(name) && level.executing + level.waiting === 0)
        this.levels.delete(name)
    this.filedByUser = new WeakMap()
    this.configuration = configuration
    return configuration
  }

  private seat(filed: Filed, attributes: FlowAttributes, seats: number): Seat | Promise<Seat> {
    const level = filed.limited!
    if (level.waiting === 0 && this.hasRoom(level, seats))
      return this.taken(filed, level, seats, undefined)
    return this.wait(filed, level, seats, attributes)
  }

  /**
   * Its own seats, and beyond them what nobody else has a right to at the moment. A request that is wider than its
   * level runs alone.
   */
  private hasRoom(level: PriorityLevel, seats: number): boolean {
    const { nominal, borrowable } = level.limits
    const after = level.seatsTaken + seats
    if (after <= nominal || (level.seatsTaken === 0 && nominal > 0)) return true
    if (after > nominal + borrowable) return false
    let kept = this.seatsTaken
    for (const other of this.levels.values()) if (other !== level) kept += other.reserved
    return kept + seats <= SEATS
  }

  private taken(filed: Filed, level: PriorityLevel, seats: number, queue: Queue | undefined): Seat {
    const { schema, level: named } = filed
    level.executing++
    level.seatsTaken += seats
    this.seatsTaken += seats
    filed.figures.dispatched++
    const startedAt = queue ? this.clock.monotonic() : 0
    let isTaken = true
    const release = () => {
      if (!isTaken) return
      isTaken = false
      level.executing--
      level.seatsTaken -= seats
      this.seatsTaken -= seats
      if (queue) level.ended(queue, seats, this.clock.monotonic() - startedAt)
      this.startWaiting(level)
    }
    return { schema, level: named, release }
  }

  private wait(
    filed: Filed,
    level: PriorityLevel,
    seats: number,
    attributes: FlowAttributes,
  ): Promise<Seat> {
    return new Promise((resolve, reject) => {
      const flow = `${filed.schema.name} ${distinguisherOf(filed.schema, attributes)}`
      const refuse = () => {
        filed.figures.rejected++
        reject(new Refused(filed))
      }
      const withdraw = level.enqueue(flow, seats, (queue) => {
        cancelTimeout()
        resolve(this.taken(filed, level, seats, queue))
      })
      if (!withdraw) {
        refuse()
        return
      }
      const cancelTimeout = this.clock.after(WAIT_MAX_MS, () => {
        withdraw()
        refuse()
        // Others may have waited behind it for fewer seats.
        this.startWaiting(level)
      })
    })
  }

  /** Fills the seats that became free: first those of `level`, then what others may borrow. */
  private startWaiting(level: PriorityLevel): void {
    const start = (each: PriorityLevel) => {
      const hasRoom = (seats: number) => this.hasRoom(each, seats)
      while (each.waiting > 0 && each.next(hasRoom));
    }
    start(level)
    for (const other of this.levels.values()) if (other.waiting > 0) start(other)
  }

  private figuresOf(schema: Schema, level: Level): FlowFigures {
    const labels = `flow_schema="${schema.name}",priority_level="${level.name}"`
    let figures = this.figures.get(labels)
    if (!figures) {
      figures = { dispatched: 0, rejected: 0 }
      this.figures.set(labels, figures)
    }
    return figures
  }
}
