/**
 * The accounts of nats-server, and what the connections of the cluster's own parts may publish and hear.
 *
 * Invariant: pure. The parts and the nodes share one account, with the streams, each bound to its own subjects;
 * everybody else is in another one, from which only requests to the API, their channels, published changes and
 * lines of logs lead across. What is not named here nobody may say or hear.
 */
import { EVERYBODY, type Subjects } from './subjects.ts'

/** Of the cluster's own parts and its nodes, with the streams. */
export const SYSTEM_ACCOUNT = 'KUBUS'
/** Of everybody else. */
export const USERS_ACCOUNT = 'USERS'

export interface BusRights {
  publish: readonly string[]
  subscribe: readonly string[]
  /** May answer what reaches it, where the asker says. */
  answers: boolean
}

export const SCHEDULER = 'system:kube-scheduler'
export const CONTROLLERS = 'system:kube-controller-manager'
export const PROXY = 'system:kube-proxy'
/** Many simulated nodes in one process. */
export const NODE_SIMULATOR = 'system:node-simulator'
export const nodeIdentity = (node: string) => `system:node:${node}`

/** What a micro service hears, so that `nats micro` shows it. */
const DISCOVERY = ['PING', 'INFO', 'STATS'].flatMap((verb) => [`$SRV.${verb}`, `$SRV.${verb}.>`])

/** Following the streams, without any way to change them. */
const streamReading = (subjects: Subjects): string[] =>
  (['state', 'events'] as const).flatMap((storage) => {
    const stream = subjects.stream(storage)
    return [
      `$JS.API.STREAM.INFO.${stream}`,
      `$JS.API.CONSUMER.CREATE.${stream}.*`,
      `$JS.API.CONSUMER.DELETE.${stream}.*`,
      `$JS.FC.${stream}.>`,
    ]
  })

/** The scheduler and the controllers on a connection `name`. */
export const controllerRights = (subjects: Subjects, name: string): BusRights => ({
  publish: [
    subjects.asAll('*', SCHEDULER),
    subjects.asAll('*', CONTROLLERS),
    subjects.leases,
    subjects.fence('take'),
    subjects.fence('read'),
    subjects.working,
    subjects.channelsFrom(`part.${name}`),
    ...streamReading(subjects),
  ],
  subscribe: [
    `${subjects.inboxes(name)}.>`,
    subjects.channelsTo(`part.${name}`),
    subjects.leases,
    subjects.nodeHeartbeats,
    subjects.working,
    subjects.actorStatus('scheduler'),
    subjects.actorStatus('controllers'),
    ...DISCOVERY,
  ],
  answers: true,
})

/** The nodes of one connection `name`: their own subjects, and requests in their own names. */
export const nodeRights = (
  subjects: Subjects,
  name: string,
  nodes: readonly string[],
): BusRights => ({
  publish: [
    ...nodes.flatMap((node) => [
      subjects.asAll('*', nodeIdentity(node)),
      subjects.nodeHeartbeat(node),
      subjects.channelsFrom(subjects.nodeParty(node)),
    ]),
    ...workerRequests(subjects),
  ],
  subscribe: [
    ...nodes.flatMap((node) => [
      subjects.nodeAll(node),
      subjects.channelsTo(subjects.nodeParty(node)),
    ]),
    ...workerInboxes(subjects, name),
  ],
  answers: true,
})

/** A process of many simulated nodes, whatever they are called: there is no machine behind any of them. */
export const simulatorRights = (subjects: Subjects, name: string): BusRights => ({
  publish: [
    subjects.asAll('*', NODE_SIMULATOR),
    subjects.nodeHeartbeats,
    subjects.channelsFrom('node.*'),
    ...workerRequests(subjects),
  ],
  subscribe: [subjects.nodesAll, subjects.channelsTo('node.*'), ...workerInboxes(subjects, name)],
  answers: true,
})

const workerRequests = (subjects: Subjects) => [subjects.asAll('*', PROXY), subjects.working]

const workerInboxes = (subjects: Subjects, name: string) => [
  `${subjects.inboxes(name)}.>`,
  subjects.actorStatus('proxy'),
  ...DISCOVERY,
]

/**
 * A person who operates the cluster: every request, every published change, micro services, and the streams for
 * reading. The streams themselves only the store writes.
 */
export const operatorRights = (subjects: Subjects): BusRights => ({
  publish: [
    subjects.apiAll(),
    subjects.actorStatuses,
    `${subjects.prefix}.node.*.status`,
    `${subjects.prefix}.lease.*.leader`,
    subjects.storeStatus,
    subjects.storeReseal,
    subjects.working,
    subjects.channelsFrom('part.operator'),
    '$SRV.>',
    '$JS.API.INFO',
    '$JS.API.STREAM.NAMES',
    '$JS.API.STREAM.LIST',
    ...(['state', 'events'] as const).flatMap((storage) => {
      const stream = subjects.stream(storage)
      return [
        `$JS.API.STREAM.INFO.${stream}`,
        `$JS.API.STREAM.MSG.GET.${stream}`,
        `$JS.API.DIRECT.GET.${stream}`,
        `$JS.API.DIRECT.GET.${stream}.>`,
        `$JS.API.CONSUMER.*.${stream}`,
        `$JS.API.CONSUMER.*.${stream}.>`,
        `$JS.API.CONSUMER.MSG.NEXT.${stream}.>`,
        `$JS.ACK.${stream}.>`,
        `$JS.FC.${stream}.>`,
      ]
    }),
  ],
  subscribe: [
    '_INBOX.>',
    `${subjects.inboxes('operator')}.>`,
    subjects.channelsTo('part.operator'),
    subjects.eventsAll,
    subjects.logsOf(),
    ...(['state', 'events'] as const).map((storage) => subjects.feedOf(storage)),
    `${subjects.prefix}.audit.>`,
    subjects.leases,
    subjects.nodeHeartbeats,
    '$JS.EVENT.ADVISORY.>',
  ],
  answers: false,
})

/** Where requests of the users' account arrive, with who asks in a header that nats-server writes. */
export const usersRequests = (subjects: Subjects) => subjects.asAll('*', EVERYBODY)
