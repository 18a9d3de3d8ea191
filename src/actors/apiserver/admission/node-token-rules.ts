/**
 * Which audiences a node may ask tokens for: those that the pod itself asks for, in its volumes or through the
 * drivers of its volumes, and those that the node was given the right to.
 *
 * After Kubernetes 1.36 (`ServiceAccountNodeAudienceRestriction` of `noderestriction`). Volumes of types that a
 * driver has taken over are not looked at by what they were.
 */
import { PersistentVolume } from '../../../api/core/persistent-volume.ts'
import { PersistentVolumeClaim } from '../../../api/core/persistent-volume-claim.ts'
import type { Pod } from '../../../api/core/pod.ts'
import { CSIDriver } from '../../../api/storage/csi-driver.ts'
import type { Cache } from '../../../client/view.ts'
import type { Authorizer } from '../authorization/attributes.ts'
import type { User } from '../request.ts'

export interface TokenAsked {
  user: User
  account: string
  audiences: readonly string[]
  pod: Pod
}

/** Why the node does not get the token; undefined: it does. */
export const tokenFault = async (
  { cache, authorizer }: { cache: Cache; authorizer: Authorizer },
  { user, account, audiences, pod }: TokenAsked,
): Promise<string | undefined> => {
  if (audiences.length > 1) return 'node may only request 0 or 1 audiences'
  const [audience = ''] = audiences
  if (podAsksFor(cache, pod, audience)) return undefined
  const { allowed, error } = await authorizer.decide({
    user,
    verb: 'request-serviceaccounts-token-audience',
    group: '',
    version: 'v1',
    resource: audience,
    namespace: pod.metadata.namespace,
    name: account,
  })
  if (allowed) return undefined
  const start = `audience ${JSON.stringify(audience)} not found in pod spec volume,`
  return error
    ? `${start} error authorizing ${user.name} to request tokens for this audience: ${error}`
    : `${start} ${user.name} is not authorized to request tokens for this audience`
}

const podAsksFor = (cache: Cache, pod: Pod, audience: string): boolean =>
  (pod.spec?.volumes ?? []).some(({ name, projected, csi, ephemeral, persistentVolumeClaim }) => {
    const isProjected = projected?.sources?.some(
      ({ serviceAccountToken }) =>
        serviceAccountToken && (serviceAccountToken.audience ?? '') === audience,
    )
    if (isProjected) return true
    const claim = ephemeral ? `${pod.metadata.name}-${name}` : persistentVolumeClaim?.claimName
    const driver = csi?.driver ?? (claim && driverOf(cache, pod.metadata.namespace, claim))
    const wanted = driver ? cache.get(CSIDriver, undefined, driver)?.spec?.tokenRequests : undefined
    return wanted?.some((each) => each.audience === audience) ?? false
  })

const driverOf = (
  cache: Cache,
  namespace: string | undefined,
  name: string,
): string | undefined => {
  const claim = cache.get(PersistentVolumeClaim, namespace, name)
  const volume = cache.get(PersistentVolume, undefined, claim?.spec?.volumeName ?? '')
  return volume?.spec?.csi?.driver
}
