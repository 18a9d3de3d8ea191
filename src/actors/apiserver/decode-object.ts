/**
 * From a request's decoded body to an object of the request's kind.
 *
 * Invariant: what leaves here has the kind's apiVersion and kind, metadata that is an object, the request's
 * namespace, and no field that the kind's schema does not know. Defaults and validation come later.
 */
import { checkFields, decodeError, strictDecodingMessage } from '../../api/check-fields.ts'
import { deepEqual } from '../../api/equality.ts'
import { jsonTypeOf } from '../../api/json-syntax.ts'
import type { AnyKind } from '../../api/kind.ts'
import type { Json, KubernetesObject } from '../../api/meta.ts'
import { badRequest } from '../../api/status-error.ts'
import { unrecognized } from './body-text.ts'
import { type ApiRequest, warn } from './request.ts'

/** A fresh object made of the body; the body stays as it is. */
export const decodeObject = (
  request: ApiRequest,
  body: unknown = request.body,
): KubernetesObject => {
  const { kind, namespace } = request
  const {
    object: checked,
    unknownFields,
    typeErrors,
  } = kind.decode
    ? kind.decode(requireObject(kind, body))
    : checkFields(kind.model, requireObject(kind, body))
  if (typeErrors[0] !== undefined) throw decodeError(kind, typeErrors[0])
  reportFaults(request, unknownFields)
  const object = checked as unknown as KubernetesObject
  object.apiVersion = kind.apiVersion
  object.kind = kind.kind
  object.metadata ??= {} as KubernetesObject['metadata']
  const { metadata } = object
  if (isEmptyList((body as MetadataLike).metadata?.managedFields)) metadata.managedFields = []
  dropRepeatedOwners(request, object)
  if (!kind.namespaced || namespace === undefined) return object
  if (!metadata.namespace) metadata.namespace = namespace
  else if (metadata.namespace !== namespace)
    throw badRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    )
  return object
}

/** Owners that are named twice in the very same way are kept once, with a warning. */
export const dropRepeatedOwners = (
  request: ApiRequest,
  { metadata }: KubernetesObject,
  isAdmitted = request.verb === 'patch',
): void => {
  const owners = metadata.ownerReferences
  if (!owners || owners.length < 2) return
  const kept: typeof owners = []
  const repeated: string[] = []
  for (const owner of owners)
    if (kept.some((other) => other.uid === owner.uid && deepEqual(other, owner)))
      repeated.push(owner.uid)
    else kept.push(owner)
  if (repeated.length === 0) return
  metadata.ownerReferences = kept
  const when = isAdmitted ? ' after mutating admission happens' : ''
  warn(
    request,
    `.metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${repeated.join(', ')}`,
  )
}

interface MetadataLike {
  metadata?: { managedFields?: unknown } | null
}

/** An empty list of managers says something, unlike an empty list elsewhere. */
const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0

/** What Go reads first of a body. */
const TYPE_META = String.raw`struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }`

const requireObject = (kind: AnyKind, body: unknown): Json => {
  if (body === undefined)
    throw badRequest(unrecognized(kind.kind, 'unexpected end of JSON input', ''))
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw badRequest(
      unrecognized(
        kind.kind,
        `json: cannot unmarshal ${jsonTypeOf(body)} into Go value of type ${TYPE_META}`,
        JSON.stringify(body),
      ),
    )
  const { apiVersion = kind.apiVersion, kind: name = kind.kind } = body as {
    apiVersion?: unknown
    kind?: unknown
  }
  if (name !== '' && name !== kind.kind)
    throw badRequest(
      `${name} in version "${versionOf(String(apiVersion))}" cannot be handled as a ${kind.kind}`,
    )
  if (apiVersion !== '' && apiVersion !== kind.apiVersion)
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${kind.apiVersion})`,
    )
  return body as Json
}

const versionOf = (apiVersion: string): string => apiVersion.slice(apiVersion.indexOf('/') + 1)

/** What `fieldValidation` asks to be done about unknown and duplicate fields. */
const reportFaults = (request: ApiRequest, unknownFields: readonly string[]): void => {
  const mode = request.query.get('fieldValidation') || 'Warn'
  if (mode === 'Ignore') return
  const { inOrder, duplicates, isYaml } = request
  if (inOrder) {
    report(request, mode, inOrder(unknownFields))
    return
  }
  const found = duplicates?.() ?? NONE
  if (found.length === 0 && unknownFields.length === 0) return
  /** Go reads YAML and what patches come to from a map, by the order of names. */
  const unknown = isYaml || request.patch ? [...unknownFields].sort() : unknownFields
  const isSum = mode === 'Strict' && isYaml && found.length > 0
  report(request, mode, [...(isSum ? [yamlFault(found)] : found), ...unknown])
}

const report = (request: ApiRequest, mode: string, faults: readonly string[]): void => {
  if (faults.length === 0) return
  if (mode === 'Strict') throw decodeError(request.kind, strictDecodingMessage(faults))
  for (const fault of faults) warn(request, fault)
}

const NONE: readonly string[] = []

/** As Go's YAML reader sums up lines that are wrong. */
export const yamlFault = (lines: readonly string[]): string =>
  `yaml: unmarshal errors:\n  ${lines.join('\n  ')}`
