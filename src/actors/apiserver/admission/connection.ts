/**
 * Connections on their way through admission: exec, attach, port-forward and the proxies.
 *
 * Invariant: nothing is opened before every plug-in has agreed. As in Kubernetes the object of a CONNECT is its
 * options, and it may be asked before it is known whether there is such a pod.
 */
import type { KubernetesObject } from '../../../api/meta.ts'
import type { ResourcePath } from '../http-path.ts'
import { type ApiRequest, flag, type User } from '../request.ts'
import type { Services } from '../services.ts'
import { admissionOf } from './chain.ts'

/** `path`: what follows a proxy's name on the URL. Throws StatusError. */
export const admitConnection = async (
  services: Services,
  { kind, namespace, name, subresource }: ResourcePath,
  user: User,
  query: URLSearchParams,
  path = '',
): Promise<void> => {
  const request: ApiRequest = { verb: 'create', kind, subresource, namespace, name, user, query }
  const admission = admissionOf(services, request, 'CONNECT')
  if (!admission) return
  const options = connectionOptions(kind.kind, subresource ?? '', query, path)
  const object = { ...options, apiVersion: 'v1' } as unknown as KubernetesObject
  await admission.mutate(object, undefined)
  await admission.judge(object, undefined, () => Promise.resolve())
}

const connectionOptions = (
  kind: string,
  subresource: string,
  query: URLSearchParams,
  path: string,
): object => {
  if (subresource === 'proxy') return { kind: `${kind}ProxyOptions`, ...(path ? { path } : {}) }
  if (subresource === 'portforward') {
    const ports = query.getAll('ports').flatMap((each) => each.split(',').map(Number))
    return { kind: 'PodPortForwardOptions', ...(ports.length > 0 ? { ports } : {}) }
  }
  const container = query.get('container')
  const command = query.getAll('command')
  return {
    kind: subresource === 'exec' ? 'PodExecOptions' : 'PodAttachOptions',
    ...Object.fromEntries(
      STREAMS.filter((each) => flag(query, each)).map((each) => [each, true] as const),
    ),
    ...(container ? { container } : {}),
    ...(subresource === 'exec' && command.length > 0 ? { command } : {}),
  }
}

const STREAMS = ['stdin', 'stdout', 'stderr', 'tty']
