/**
 * Serves connections to ports of pods from one node: port-forward and the apiserver's proxy.
 *
 * A greeting without a port only asks whether the pod is there; its channel stays open as a sign of life.
 * Invariant: one channel a connection; a refusal of the port closes it with a Status, which carries the reason.
 */
import { badRequest, notFound, StatusError } from '../../api/status-error.ts'
import type { Channel } from '../../bus/bus.ts'
import { ChannelDuplex } from '../../bus/channel-duplex.ts'
import type { Runtime } from '../../node/runtime.ts'
import { joinStreams } from '../../std/join-streams.ts'
import type { PodMemory } from './pod-memory.ts'

export interface PortGreeting {
  namespace: string
  name: string
  uid?: string
  port?: number
  /** `inside` reaches what listens on the pod's loopback, too. */
  view?: 'inside' | 'outside'
}

const PODS = { group: '', resource: 'pods' }

/** The sandbox whose ports are meant; throws StatusError. */
export const forwardedSandbox = (memory: PodMemory | undefined, { name }: PortGreeting): string => {
  if (!memory) throw notFound(PODS, name)
  const { sandbox } = memory.view
  if (sandbox?.state !== 'ready') throw badRequest(`pod ${name} is not running`)
  return sandbox.id
}

export const servePort = async (
  runtime: Runtime,
  sandboxId: string,
  { port, view }: PortGreeting,
  channel: Channel,
): Promise<void> => {
  if (port === undefined) return
  try {
    const options = { podAddressOnly: view === 'outside' }
    const socket = await runtime.connect(sandboxId, port, options)
    const peer = new ChannelDuplex(channel)
    await peer.sayConnected()
    joinStreams(peer, socket)
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    channel.close(new StatusError(503, 'ServiceUnavailable', text).status)
  }
}
