/**
 * Has the nats-servers read their certificate and authorities again when these were renewed.
 *
 * Invariant: connections stay; those that are made from then on meet the new certificate. A reload that failed is
 * tried again with the next look at the folder.
 */
import { certificateFacts } from '../node/certificate-facts.ts'
import { readTextIfPresent, watchFolders } from '../node/files.ts'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'
import type { StateFolder } from './state-folder.ts'

/** The result ends it. */
export const followNatsCertificate = (
  folder: StateFolder,
  reload: () => Promise<number>,
  { clock, log }: { clock: Clock; log: Log },
): (() => void) => {
  const read = () =>
    ['nats.crt', 'nats.key', 'ca.crt'].map((name) => readTextIfPresent(folder.pki(name)) ?? '')
  let known = read().join('')
  return watchFolders([folder.pki('')], clock, () => {
    const [certificate = '', key = '', authorities = ''] = read()
    const text = certificate + key + authorities
    if (text === known || !certificate || !key) return
    if (!certificateFacts(certificate).matches(key)) return
    const former = known
    known = text
    reload().then(
      (count) => log.info({ count }, 'nats-servers read their certificates again'),
      (error: unknown) => {
        known = former
        log.error({ err: error }, 'nats-servers keep their former certificates')
      },
    )
  })
}
