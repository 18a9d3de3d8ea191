/**
 * ResourceQuota: what a namespace's quotas have no room for is not written.
 *
 * After Kubernetes' `apiserver/pkg/admission/plugin/resourcequota`. It runs last: what it lets pass is charged by
 * `quota-ledger.ts` with the write itself. Where a namespace has no quota it costs a look into the cache.
 */
import { evaluatorOf } from '../../../api/quota/evaluators.ts'
import type { Storage } from '../../../client/storage.ts'
import { type Demand, QuotaLedger, quotasIn } from '../quota/quota-ledger.ts'
import type { Services } from '../services.ts'
import { carryWrite } from '../write-carrier.ts'
import type { AdmissionAttributes, AdmissionPlugin } from './plugin.ts'

const ledgers = new WeakMap<Storage, QuotaLedger>()

const ledgerOf = ({ storage, clock }: Services): QuotaLedger => {
  let ledger = ledgers.get(storage)
  if (!ledger) {
    ledger = new QuotaLedger(storage, clock)
    ledgers.set(storage, ledger)
  }
  return ledger
}

const validate = (attributes: AdmissionAttributes): undefined => {
  const { services, kind, namespace, operation, subresource, object, old } = attributes
  if (!namespace || !object || (operation !== 'CREATE' && operation !== 'UPDATE')) return
  if (quotasIn(services.storage.cache, namespace).length === 0) return
  const evaluator = evaluatorOf(kind)
  const request = { kind, operation, subresource, object, old }
  if (!evaluator || evaluator.handles?.(request) === false) return
  const ledger = ledgerOf(services)
  const demand: Demand = { request, evaluator }
  const isCharged = ledger.check(namespace, demand)
  if (isCharged && !attributes.dryRun)
    carryWrite(object, (write) => ledger.commit(namespace, demand, write))
}

export const resourceQuota: AdmissionPlugin = {
  name: 'ResourceQuota',
  handles: (kind, operation, subresource) =>
    (operation === 'CREATE' || operation === 'UPDATE') &&
    (evaluatorOf(kind)?.mayHandle(operation, subresource) ?? false),
  validate,
}
