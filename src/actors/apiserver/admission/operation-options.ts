/**
 * The options of a write as admission is shown them: CreateOptions, UpdateOptions, DeleteOptions.
 *
 * As in Kubernetes a patch has UpdateOptions, and only what the client stated is in them. Pure.
 */
import type { ApiRequest } from '../request.ts'
import type { Operation } from './plugin.ts'

const KINDS: Readonly<Partial<Record<Operation, string>>> = {
  CREATE: 'CreateOptions',
  UPDATE: 'UpdateOptions',
  DELETE: 'DeleteOptions',
}

/** Undefined on CONNECT, whose options are its object. */
export const optionsOf = ({ query }: ApiRequest, operation: Operation): object | undefined => {
  const kind = KINDS[operation]
  if (!kind) return undefined
  const dryRun = query.getAll('dryRun')
  const fieldManager = query.get('fieldManager')
  const fieldValidation = query.get('fieldValidation')
  return {
    kind,
    apiVersion: 'meta.k8s.io/v1',
    ...(dryRun.length > 0 ? { dryRun } : {}),
    ...(fieldManager ? { fieldManager } : {}),
    ...(fieldValidation ? { fieldValidation } : {}),
  }
}
