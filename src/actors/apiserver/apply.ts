/**
 * apply: server-side apply on an object, its status, another part of it, or its scale.
 *
 * Invariant: the configuration is merged into the object it is stored over, and again into a newer one when
 * somebody else was faster. An object that is not there is created. What is merged is decided in
 * `api/managed-fields/apply-fields.ts`; the result is an update.
 */
import type { AnyKind } from '../../api/kind.ts'
import { type Application, applyFields } from '../../api/managed-fields/apply-fields.ts'
import { shapeOfModel } from '../../api/managed-fields/field-shape.ts'
import { managersFromScale, managersOfScale } from '../../api/managed-fields/manage.ts'
import { type Managers, NOBODY, setManagers } from '../../api/managed-fields/manager-entry.ts'
import type { Json, KubernetesObject } from '../../api/meta.ts'
import { badRequest, conflict, StatusError } from '../../api/status-error.ts'
import { permit } from './authorization/refusal.ts'
import { ATTEMPTS_MAX, withRetries } from './commit.ts'
import { checkName, createObject } from './create.ts'
import { decodeObject, yamlFault } from './decode-object.ts'
import { authorOf, ignoredBy, knownManagers, otherVersions, shapeOf } from './field-managers.ts'
import { type ApiRequest, type ApiResult, flag, warn } from './request.ts'
import type { Scale } from './scale.ts'
import type { Services } from './services.ts'
import { catchUp, replace } from './update.ts'

type Tree = { [key: string]: Json }

export const apply = async (services: Services, request: ApiRequest): Promise<ApiResult> => {
  const { kind } = request
  const applied = configurationOf(request, kind.apiVersion, kind.kind)
  reportDuplicates(request)
  const given = statedRevision(applied)
  if (given) await catchUp(services, request, given)
  for (let tries = 1; ; tries++)
    try {
      const object = await withRetries(
        services,
        request,
        () => given !== undefined,
        (current) => applyTo(services, request, applied, current),
      )
      return { type: 'object', code: 200, kind, object }
    } catch (error) {
      if (tries > ATTEMPTS_MAX || !isMissing(error, request)) throw error
      const object = await createApplied(services, request, applied)
      if (object) return { type: 'object', code: 201, kind, object }
    }
}

/** The object itself is missing, and applying may create it. */
const isMissing = (error: unknown, { kind, name, subresource }: ApiRequest): boolean =>
  error instanceof StatusError &&
  error.reason === 'NotFound' &&
  subresource === undefined &&
  error.status.details?.kind === kind.plural &&
  error.status.details.name === name

const applyTo = (
  services: Services,
  request: ApiRequest,
  applied: Tree,
  current: KubernetesObject,
): Promise<KubernetesObject> => {
  const result = applyFields(applicationOf(services, request, applied, current))
  const next = decodeApplied(request, result.object)
  checkName(request, next)
  setManagers(next, result.managers)
  const { resourceVersion } = next.metadata
  const isPinned = resourceVersion && resourceVersion !== current.metadata.resourceVersion
  return replace(services, request, current, next, isPinned ? resourceVersion : undefined)
}

const applicationOf = (
  services: Services,
  request: ApiRequest,
  applied: Tree,
  live: KubernetesObject | undefined,
): Application => ({
  shape: shapeOf(request.kind),
  live,
  managers: live ? knownManagers(services, request.kind, live) : NOBODY,
  applied,
  by: authorOf(services, request),
  force: flag(request.query, 'force'),
  ignored: ignoredBy(request),
  versions: otherVersions(services, request.kind),
})

/** Who may patch may not therefore create. Throws 403. */
const checkMayCreate = async (
  { authorizer }: Services,
  { user, kind, namespace, name }: ApiRequest,
): Promise<void> => {
  const { group, version, plural: resource } = kind
  await permit(authorizer, { user, verb: 'create', group, version, resource, namespace, name })
}

/** Undefined when somebody else created it meanwhile. */
const createApplied = async (
  services: Services,
  request: ApiRequest,
  applied: Tree,
): Promise<KubernetesObject | undefined> => {
  await checkMayCreate(services, request)
  const result = applyFields(applicationOf(services, request, applied, undefined))
  const object = decodeApplied(request, result.object)
  checkName(request, object)
  if (object.metadata.uid)
    throw conflict(
      request.kind,
      request.name!,
      `uid mismatch: the provided object specified uid ${object.metadata.uid}, and no existing object was found`,
    )
  try {
    return await createObject(services, request, object, result.managers)
  } catch (error) {
    if (error instanceof StatusError && error.reason === 'AlreadyExists') return undefined
    throw error
  }
}

/** Unknown fields were refused when the configuration was merged. */
const decodeApplied = (request: ApiRequest, object: Tree): KubernetesObject => {
  const attempt: ApiRequest = { ...request }
  delete attempt.warnings
  delete attempt.duplicates
  const decoded = decodeObject(attempt, object)
  request.warnings = [...(request.warnings ?? []), ...(attempt.warnings ?? [])]
  return decoded
}

/** What `fieldValidation` asks to be done about keys that the configuration's text holds twice. */
const reportDuplicates = (request: ApiRequest): void => {
  const mode = request.query.get('fieldValidation') || 'Warn'
  const lines = mode === 'Ignore' ? [] : (request.duplicates?.() ?? [])
  if (lines.length === 0) return
  if (mode === 'Strict')
    throw badRequest(
      `error strict decoding YAML: error converting YAML to JSON: ${yamlFault(lines)}`,
    )
  for (const line of lines) warn(request, line)
}

const configurationOf = (request: ApiRequest, apiVersion: string, kindName: string): Tree => {
  const { body } = request
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw badRequest(
      `error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${goKindOf(body)} into Go value of type map[string]interface {}`,
    )
  const applied = body as Tree
  const given = { apiVersion: textOf(applied['apiVersion']), kind: textOf(applied['kind']) }
  if (given.apiVersion !== apiVersion || given.kind !== kindName)
    throw badRequest(`invalid object type: ${groupVersionKind(given)}`)
  const { managedFields, name } = metadataOf(applied)
  if (managedFields !== undefined && managedFields !== null)
    throw badRequest('metadata.managedFields must be nil')
  return name ? applied : named(applied, request.name!)
}

const metadataOf = (applied: Tree): Tree => {
  const { metadata } = applied
  return typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata)
    ? metadata
    : {}
}

const named = (applied: Tree, name: string): Tree => ({
  ...applied,
  metadata: { ...metadataOf(applied), name },
})

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '')

/** As Go prints a GroupVersionKind. */
const groupVersionKind = ({ apiVersion, kind }: { apiVersion: string; kind: string }): string => {
  const [version = '', group = ''] = apiVersion.split('/').reverse()
  return `${group}/${version}, Kind=${kind}`
}

const goKindOf = (value: unknown): string => {
  if (Array.isArray(value)) return 'array'
  return value === null || value === undefined
    ? 'null'
    : typeof value === 'boolean'
      ? 'bool'
      : typeof value
}

const statedRevision = (applied: Tree): string | undefined => {
  const { resourceVersion } = metadataOf(applied)
  return typeof resourceVersion === 'string' && resourceVersion !== '' ? resourceVersion : undefined
}

const SCALE = { apiVersion: 'autoscaling/v1', kind: 'Scale' }

/** The Scale after a configuration was applied to it, and the managers of the object it is the scale of. */
export const applyScale = (
  services: Services,
  request: ApiRequest,
  current: KubernetesObject,
  scale: Scale,
): { scale: Scale; managers: Managers } => {
  const applied = configurationOf(request, SCALE.apiVersion, SCALE.kind)
  const managers = knownManagers(services, request.kind, current)
  const path = replicasPath(request.kind)
  const result = applyFields({
    shape: shapeOfModel('V1Scale'),
    live: scale as KubernetesObject,
    managers: managersOfScale(managers, path),
    applied,
    by: { ...authorOf(services, request), apiVersion: SCALE.apiVersion },
    force: flag(request.query, 'force'),
    ignored: (field) => field === 'status',
  })
  return {
    scale: result.object as unknown as Scale,
    managers: managersFromScale(managers, result.managers, request.kind.apiVersion, path),
  }
}

/** Where a kind keeps the number its Scale shows. */
export const replicasPath = (kind: AnyKind): string[] =>
  (kind.scale?.replicasPath ?? '.spec.replicas')
    .split('.')
    .slice(1)
    .map((name) => `f:${name}`)
