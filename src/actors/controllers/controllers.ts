/**
 * The controllers: each brings one aspect of the cluster from what is to what was asked for.
 *
 * All of a process are one member of the leader group `controllers`: one member leads, the others keep their
 * caches warm and take over. Invariant: they read the cache and write through the apiserver, fenced; no
 * controller speaks to another. Adding one: its file and its place in `controllersOf`.
 */
import { subjectsFor } from '../../bus/subjects.ts'
import { cacheStatus } from '../../client/cache-status.ts'
import { startLeadership } from '../../client/leadership.ts'
import type { Fence } from '../../client/storage.ts'
import type { CachePorts, Component } from '../component.ts'
import { clusterInfoSigner } from './bootstrap/cluster-info-signer.ts'
import { tokenCleaner } from './bootstrap/token-cleaner.ts'
import { requestApprover } from './certificates/approver.ts'
import { requestCleaner } from './certificates/cleaner.ts'
import { type CertificateAuthority, requestSigner } from './certificates/signer.ts'
import { clusterRoleAggregation } from './cluster-role-aggregation.ts'
import type { Controller } from './controller.ts'
import { deployment } from './deployment/deployment.ts'
import { disruption } from './disruption/disruption.ts'
import { staleDisruption } from './disruption/stale-disruption.ts'
import { endpointSlice } from './endpoints/endpoint-slice.ts'
import { endpoints } from './endpoints/endpoints.ts'
import { endpointSliceMirroring } from './endpoints/mirroring.ts'
import { garbage } from './garbage.ts'
import { createControllerGroup } from './group.ts'
import { legacyTokenCleaner } from './legacy-token-cleaner.ts'
import { namespace } from './namespace.ts'
import { nodeIpam } from './nodes/node-ipam.ts'
import { nodeLifecycle } from './nodes/node-lifecycle.ts'
import { taintEviction } from './nodes/taint-eviction.ts'
import { podGarbage } from './pod-garbage.ts'
import { policyTypeCheck } from './policy-type-check.ts'
import { replicaSet } from './replicaset.ts'
import { replicationController } from './replication-controller.ts'
import { resourceQuota } from './resource-quota.ts'
import { type RootCertificate, rootCa } from './root-ca.ts'
import { serviceAccount } from './service-account.ts'
import { serviceAccountToken } from './service-account-token.ts'
import { ipAddresses } from './services/ip-addresses.ts'
import { serviceCidrs } from './services/service-cidrs.ts'
import { attributesClassProtection } from './volumes/attributes-class-protection.ts'
import { claimProtection } from './volumes/claim-protection.ts'
import { volumeProtection } from './volumes/volume-protection.ts'

export interface ControllersOptions {
  /** Names of the controllers to run; default: all. */
  only?: readonly string[]
  /** Silence on the bus after which a node is not ready; default 4 s, four beats. */
  nodeGraceMs?: number
  /** Silence of a node that does not beat on the bus; default 50 s, as in Kubernetes. */
  nodeStatusGraceMs?: number
  /** The pods' address space; default `10.244.0.0/16`, a /24 for each node. */
  clusterCidr?: string
  nodeMask?: number
  /** Finished pods that may stay; default 12,500. */
  finishedPodsMax?: number
  /** By what the apiserver's identity is proved; without it none is published. */
  rootCa?: RootCertificate | undefined
  /** Signs certificate requests; without it none is signed. */
  authority?: CertificateAuthority | undefined
  /** Gives the RSA key, in PEM, that signs tokens of service accounts at that moment; without it Secrets get none. */
  serviceAccountKey?: (() => string) | undefined
}

/** Starts the controllers of this process; they work while it leads the group. */
export const startControllers = async (
  ports: CachePorts,
  options: ControllersOptions = {},
): Promise<Component> => {
  const { bus, client, clock, identity, log, version } = ports
  const controllers = controllersOf(ports, options)
  const { cache } = ports
  const onFenceLost = (fence: Fence) => leadership.reportFenceLost(fence)
  const onOutcomeUnknown = (fence: Fence) => leadership.reportOutcomeUnknown(fence)
  const group = createControllerGroup(controllers, {
    cache,
    client,
    clock,
    log,
    onFenceLost,
    onOutcomeUnknown,
  })
  await cache.ready
  const leadership = startLeadership(
    { component: 'controllers', bus, client, clock, identity, log },
    { onLeading: (fence) => group.lead(fence), onStandby: () => group.standBy() },
  )
  const registration = await bus.serve({
    name: 'controllers',
    description: 'Bring the cluster from what is to what was asked for',
    version,
    metadata: { identity, controllers: controllers.map(({ name }) => name).join(',') },
    endpoints: [
      {
        name: 'status',
        subject: subjectsFor(bus.prefix).actorStatus('controllers'),
        queue: null,
        handle: () => ({
          identity,
          isLeading: leadership.isLeading,
          controllers: group.states(),
          cache: cacheStatus(cache),
        }),
      },
    ],
  })
  return {
    ready: Promise.resolve(),
    handOver: () => leadership.stop(),
    stop: async () => {
      await leadership.stop()
      await registration.stop()
      await group.stop()
    },
  }
}

const controllersOf = (
  { bus, client, clock }: CachePorts,
  {
    only,
    nodeGraceMs = 4_000,
    nodeStatusGraceMs = 50_000,
    clusterCidr = '10.244.0.0/16',
    nodeMask = 24,
    finishedPodsMax = 12_500,
    rootCa: certificate,
    authority,
    serviceAccountKey: signingKey,
  }: ControllersOptions,
): Controller[] => {
  const all: Controller[] = [
    replicaSet,
    replicationController,
    deployment,
    endpointSlice,
    endpoints,
    endpointSliceMirroring,
    ipAddresses,
    serviceCidrs,
    serviceAccount,
    ...(certificate ? [rootCa(certificate)] : []),
    requestApprover,
    ...(authority ? [requestSigner(authority)] : []),
    requestCleaner,
    tokenCleaner,
    clusterInfoSigner,
    ...(certificate && signingKey
      ? [serviceAccountToken({ signingKey, rootCa: certificate.current() })]
      : []),
    legacyTokenCleaner,
    clusterRoleAggregation,
    namespace,
    garbage,
    podGarbage({ finishedMax: finishedPodsMax }),
    nodeLifecycle({ bus, clock, busGraceMs: nodeGraceMs, statusGraceMs: nodeStatusGraceMs }),
    taintEviction,
    nodeIpam({ clusterCidr, nodeMask }),
    resourceQuota(),
    disruption({ client }),
    staleDisruption,
    claimProtection,
    volumeProtection,
    attributesClassProtection,
    policyTypeCheck,
  ]
  return only ? all.filter(({ name }) => only.includes(name)) : all
}
