/**
 * One forwarded connection: what the client says goes to the pod's port, what goes wrong to an error stream.
 *
 * Invariant: the error stream ends when the connection does, and carries text only when it could not be made. It
 * does not know in which protocol the client speaks.
 */
import type { Duplex, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Pod } from '../../../api/core/pod.ts'
import { StatusError } from '../../../api/status-error.ts'
import type { Bus } from '../../../bus/bus.ts'
import { joinStreams } from '../../../std/join-streams.ts'
import { openPodPort } from './pod-port.ts'

export interface PortForwarding {
  bus: Bus
  pod: Pod
}

/** Resolves when the connection is over. */
export const forwardPort = async (
  { bus, pod }: PortForwarding,
  port: number,
  data: Duplex,
  error: Writable,
): Promise<void> => {
  try {
    const socket = await openPodPort(bus, pod, port, 'inside')
    joinStreams(data, socket)
    await finished(socket)
  } catch (failure) {
    // Anything else is the client that went.
    if (failure instanceof StatusError)
      error.write(
        `error forwarding port ${port} to pod ${pod.metadata.name}, uid : ${failure.message}`,
      )
    data.end()
  } finally {
    error.end()
  }
}

/** A port number as the kubelet reads it; throws with Kubernetes' words. */
export const portNumber = (text: string): number => {
  if (!/^\d+$/.test(text))
    throw new Error(
      `unable to parse ${JSON.stringify(text)} as a port: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    )
  const port = Number(text)
  if (port > 65_535)
    throw new Error(
      `unable to parse ${JSON.stringify(text)} as a port: strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`,
    )
  if (port < 1) throw new Error(`port ${JSON.stringify(text)} must be > 0`)
  return port
}
