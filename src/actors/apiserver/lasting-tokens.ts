/**
 * Writes down, before it is signed, that a token will outlive the usual ones: its key is believed for that long.
 *
 * Invariant: the entry is in the store when this resolves, whichever replicas write at once. Few tokens are such, and
 * one entry stands for all of a key and year.
 */
import { ConfigMap } from '../../api/core/config-map.ts'
import { LASTING_TOKENS, lastingEntry } from '../../api/core/lasting-tokens.ts'
import { keepConfigMap } from './keep-config-map.ts'
import type { Services } from './services.ts'

/** `endMs`: since the epoch. */
export const noteLastingToken = async (
  services: Services,
  keyId: string,
  endMs: number,
): Promise<void> => {
  const { namespace, name } = LASTING_TOKENS
  const data = { [lastingEntry(keyId, endMs)]: '' }
  await keepConfigMap(services, namespace, name, data)
  // Another replica may have made the ConfigMap in between, without the entry.
  await services.storage.barrier(ConfigMap)
  await keepConfigMap(services, namespace, name, data)
}
