/**
 * `/healthz`, `/livez` and `/readyz`, whole and check by check, in Kubernetes' names and words.
 *
 * Checks whose matter exists here are listed, under the names Kubernetes has for them: the stream stands where etcd
 * does, a step of the start where a hook does. Invariant: what is wrong is told only by a check's own path, which
 * not everybody may read; the whole says that something is. Kubernetes: `apiserver/pkg/server/healthz`.
 */
import type { Clock } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import type { Page } from './site.ts'

/** What an apiserver does before it serves. */
export type StartStep =
  | 'cache'
  | 'bootstrap'
  | 'customResources'
  | 'apiServices'
  | 'authentication'
  | 'aggregation'
  | 'flowControl'

export interface HealthPorts {
  clock: Clock
  log: Log
  /** Resolves when the store answers. */
  askStore(): Promise<unknown>
}

type Fault = string | undefined

interface Check {
  name: string
  /** Whoever excludes it excludes the check. */
  group?: string
  /** Only `/readyz` has it. */
  isReadiness?: true
  fault(): Fault | Promise<Fault>
}

const STORE_MS = 2_000
const TEXT_TYPE = 'text/plain; charset=utf-8'
const ROOTS: ReadonlySet<string> = new Set(['healthz', 'livez', 'readyz'])

/** Kubernetes' hooks, in its order, by the step that does the same here. */
const HOOKS: readonly (readonly [name: string, step: StartStep])[] = [
  ['poststarthook/start-apiserver-admission-initializer', 'cache'],
  ['poststarthook/generic-apiserver-start-informers', 'cache'],
  ['poststarthook/priority-and-fairness-config-consumer', 'flowControl'],
  ['poststarthook/priority-and-fairness-filter', 'flowControl'],
  ['poststarthook/start-apiextensions-informers', 'cache'],
  ['poststarthook/start-apiextensions-controllers', 'customResources'],
  ['poststarthook/crd-informer-synced', 'customResources'],
  ['poststarthook/start-system-namespaces-controller', 'bootstrap'],
  ['poststarthook/start-cluster-authentication-info-controller', 'authentication'],
  ['poststarthook/storage-readiness', 'cache'],
  ['poststarthook/start-service-ip-repair-controllers', 'bootstrap'],
  ['poststarthook/start-kubernetes-service-cidr-controller', 'bootstrap'],
  ['poststarthook/rbac/bootstrap-roles', 'bootstrap'],
  ['poststarthook/scheduling/bootstrap-system-priority-classes', 'bootstrap'],
  ['poststarthook/priority-and-fairness-config-producer', 'bootstrap'],
  ['poststarthook/bootstrap-controller', 'bootstrap'],
  ['poststarthook/start-kube-aggregator-informers', 'cache'],
  ['poststarthook/apiservice-status-local-available-controller', 'aggregation'],
  ['poststarthook/apiservice-status-remote-available-controller', 'aggregation'],
  ['poststarthook/apiservice-registration-controller', 'apiServices'],
  ['poststarthook/apiservice-discovery-controller', 'aggregation'],
  ['poststarthook/kube-apiserver-autoregistration', 'apiServices'],
  ['autoregister-completion', 'apiServices'],
  ['poststarthook/apiservice-openapi-controller', 'aggregation'],
  ['poststarthook/apiservice-openapiv3-controller', 'aggregation'],
]

export class Health {
  private readonly done = new Set<StartStep>()
  private isStopping = false
  private readonly checks: readonly Check[]

  constructor(private readonly ports: HealthPorts) {
    const store = () => this.storeFault()
    const afterStep = (step: StartStep, fault: string) => (this.done.has(step) ? undefined : fault)
    this.checks = [
      { name: 'ping', fault: () => undefined },
      { name: 'log', fault: () => undefined },
      { name: 'etcd', group: 'etcd', fault: store },
      { name: 'etcd-readiness', group: 'etcd-readiness', isReadiness: true, fault: store },
      {
        name: 'informer-sync',
        isReadiness: true,
        fault: () => afterStep('cache', '1 informers not started yet: [the cache]'),
      },
      ...HOOKS.map(([name, step]) => ({ name, fault: () => afterStep(step, 'not finished') })),
      {
        name: 'shutdown',
        isReadiness: true,
        fault: () => (this.isStopping ? 'process is shutting down' : undefined),
      },
    ]
  }

  finish(step: StartStep): void {
    this.done.add(step)
  }

  /** From now on this apiserver is not ready. */
  stop(): void {
    this.isStopping = true
  }

  /** Every path that is answered. */
  get paths(): string[] {
    return [...ROOTS].flatMap((root) => [
      `/${root}`,
      ...this.checksOf(root).map(({ name }) => `/${root}/${name}`),
    ])
  }

  /** Undefined when the path is none of health. */
  page(path: string, query: URLSearchParams): Promise<Page> | undefined {
    const [, root = '', ...rest] = path.split('/')
    if (!ROOTS.has(root)) return undefined
    if (rest.length === 0) return this.whole(root, query)
    const check = this.checksOf(root).find(({ name }) => name === rest.join('/'))
    return check && alone(check)
  }

  private checksOf(root: string): Check[] {
    return this.checks.filter(({ isReadiness }) => !isReadiness || root === 'readyz')
  }

  private async whole(root: string, query: URLSearchParams): Promise<Page> {
    const excluded = new Set(query.getAll('exclude'))
    const unknown = new Set(excluded)
    const faults: string[] = []
    const lines: string[] = []
    const judge = async ({ name, group, fault }: Check): Promise<string> => {
      const by = [name, group].find((each) => each !== undefined && excluded.has(each))
      if (by !== undefined) {
        unknown.delete(by)
        return by === name ? `[+]${name} excluded: ok` : `[+]${name} excluded with ${by}: ok`
      }
      const found = await fault()
      if (found === undefined) return `[+]${name} ok`
      faults.push(`${name}: ${found}`)
      return `[-]${name} failed: reason withheld`
    }
    lines.push(...(await Promise.all(this.checksOf(root).map(judge))))
    if (unknown.size > 0) {
      const names = [...unknown].sort().map((name) => JSON.stringify(name))
      lines.push(`warn: some health checks cannot be excluded: no matches for ${names.join(',')}`)
    }
    if (faults.length === 0 && !query.has('verbose')) return well('ok')
    if (faults.length === 0) return well(`${lines.join('\n')}\n${root} check passed\n`)
    this.ports.log.debug({ root, faults }, 'not healthy')
    return unwell(`${lines.join('\n')}\n${root} check failed`)
  }

  private async storeFault(): Promise<Fault> {
    const { clock, askStore } = this.ports
    let cancel = (): void => undefined
    const tooLong = new Promise<Fault>((resolve) => {
      cancel = clock.after(STORE_MS, () => resolve('the store does not answer in time'))
    })
    const answer = askStore().then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    const fault = await Promise.race([answer, tooLong])
    cancel()
    return fault
  }
}

const alone = async ({ fault }: Check): Promise<Page> => {
  const found = await fault()
  return found === undefined ? well('ok') : unwell(`internal server error: ${found}`)
}

const NO_SNIFFING = { 'X-Content-Type-Options': 'nosniff' }
const well = (body: string): Page => ({ code: 200, type: TEXT_TYPE, body, headers: NO_SNIFFING })
const unwell = (text: string): Page => ({
  code: 500,
  type: TEXT_TYPE,
  body: `${text}\n`,
  headers: NO_SNIFFING,
})
