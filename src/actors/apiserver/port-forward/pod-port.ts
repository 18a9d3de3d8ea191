/**
 * A connection to a port of a pod, by way of the kubelet of its node: the apiserver itself need not reach the pod
 * network.
 *
 * Invariant: one channel of the bus a connection, so that a slow one holds up no other.
 */
import type { Duplex } from 'node:stream'
import type { Pod } from '../../../api/core/pod.ts'
import type { Bus, Channel } from '../../../bus/bus.ts'
import { ChannelDuplex } from '../../../bus/channel-duplex.ts'
import { openNodeStream } from '../node-stream.ts'

/** How to reach the port: as the pod's own processes do on localhost, or as other pods do. */
export type PodPortView = 'inside' | 'outside'

/** Resolves when the port is connected; throws StatusError when it refuses or the pod or its node is not there. */
export const openPodPort = async (
  bus: Bus,
  pod: Pod,
  port: number,
  view: PodPortView,
): Promise<Duplex> => {
  const stream = new ChannelDuplex(await openNodeStream(bus, pod, 'portforward', { port, view }))
  await stream.connected
  return stream
}

/** Says whether the pod can be forwarded to, by its refusal or its silence; closes when the node is gone. */
export const watchPodPorts = (bus: Bus, pod: Pod): Promise<Channel> =>
  openNodeStream(bus, pod, 'portforward', {})
