/**
 * `StatusError`: the only error that crosses the wire; it carries Kubernetes' `metav1.Status`.
 *
 * Reasons, codes and messages are those of Kubernetes' `apimachinery/pkg/api/errors`; clients depend on them.
 * It knows no transport.
 */
export interface StatusCause {
  reason?: string
  message?: string
  field?: string
}

export interface StatusDetails {
  name?: string
  group?: string
  kind?: string
  uid?: string
  causes?: StatusCause[]
  retryAfterSeconds?: number
}

export interface Status {
  kind: 'Status'
  apiVersion: 'v1'
  /** `continue`: how a list whose pages have expired may go on. */
  metadata: { continue?: string }
  status: 'Success' | 'Failure'
  message?: string
  reason?: string
  details?: StatusDetails
  code?: number
}

/** What a resource is called in messages: `pods`, or `deployments.apps`. */
export interface ResourceName {
  group: string
  resource: string
}

export const qualifiedResource = ({ group, resource }: ResourceName): string =>
  group ? `${resource}.${group}` : resource

export class StatusError extends Error {
  readonly status: Status
  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message)
    this.name = 'StatusError'
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      ...(reason ? { reason } : {}),
      ...(details ? { details } : {}),
      code,
    }
  }
  get code(): number {
    return this.status.code ?? 500
  }
  get reason(): string {
    return this.status.reason ?? ''
  }
  static from(status: Status): StatusError {
    return new StatusError(
      status.code ?? 500,
      status.reason ?? 'Unknown',
      status.message ?? 'unknown',
      status.details,
    )
  }
}

const details = (on: ResourceName, name: string, more: StatusDetails = {}): StatusDetails => ({
  ...(name ? { name } : {}),
  ...(on.group ? { group: on.group } : {}),
  kind: on.resource,
  ...more,
})

export const notFound = (on: ResourceName, name: string) =>
  new StatusError(
    404,
    'NotFound',
    `${qualifiedResource(on)} "${name}" not found`,
    details(on, name),
  )

/** Nothing is served under the path. */
export const noSuchPath = () =>
  new StatusError(404, 'NotFound', 'the server could not find the requested resource', {})

export const alreadyExists = (on: ResourceName, name: string) =>
  new StatusError(
    409,
    'AlreadyExists',
    `${qualifiedResource(on)} "${name}" already exists`,
    details(on, name),
  )

export const conflict = (on: ResourceName, name: string, why: string) =>
  new StatusError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualifiedResource(on)} "${name}": ${why}`,
    details(on, name),
  )

/** The message of a lost optimistic-lock race. */
export const MODIFIED =
  'the object has been modified; please apply your changes to the latest version and try again'

export const badRequest = (message: string) => new StatusError(400, 'BadRequest', message)
export const unauthorized = (message = 'Unauthorized') =>
  new StatusError(401, 'Unauthorized', message)
export const forbidden = (on: ResourceName, name: string, why: string) =>
  new StatusError(
    403,
    'Forbidden',
    `${qualifiedResource(on)}${name ? ` "${name}"` : ''} is forbidden: ${why}`,
    details(on, name),
  )
export const methodNotSupported = (on: ResourceName, verb: string) =>
  new StatusError(
    405,
    'MethodNotAllowed',
    `${verb} is not supported on resources of kind "${qualifiedResource(on)}"`,
    details(on, ''),
  )
export const expired = (message: string) => new StatusError(410, 'Expired', message)
export const tooLarge = (message: string) => new StatusError(413, 'RequestEntityTooLarge', message)
export const unsupportedMediaType = (message: string) =>
  new StatusError(415, 'UnsupportedMediaType', message)
export const tooManyRequests = (message: string, retryAfterSeconds: number) =>
  new StatusError(429, 'TooManyRequests', message, { retryAfterSeconds })
export const internalError = (message: string) =>
  new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, {
    causes: [{ message }],
  })
export const serviceUnavailable = (message: string) =>
  new StatusError(503, 'ServiceUnavailable', message)
export const timeout = (message: string, retryAfterSeconds = 1) =>
  new StatusError(504, 'Timeout', `Timeout: ${message}`, { retryAfterSeconds })

/** One field's fault, as Kubernetes' `field.Error`; `reason` is the cause's reason. */
export interface FieldError {
  reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueForbidden'
    | 'FieldValueDuplicate'
    | 'FieldValueNotFound'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueTypeInvalid'
  field: string
  /** The message without the field, e.g. `Invalid value: "A": must be lower case`. */
  message: string
}

/** Go's %q/%v of a value, as `field.Error` prints the bad value. */
const showValue = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? 'null')

export const requiredField = (field: string, detail = ''): FieldError => ({
  reason: 'FieldValueRequired',
  field,
  message: `Required value${detail ? `: ${detail}` : ''}`,
})
export const invalidField = (field: string, value: unknown, detail: string): FieldError => ({
  reason: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${showValue(value)}: ${detail}`,
})
/** For a field whose value says nothing, such as a whole list. */
export const invalidWithoutValue = (field: string, detail: string): FieldError => ({
  reason: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${detail}`,
})
/** `supported` is listed in the order given, as Kubernetes does. */
export const unsupportedField = (
  field: string,
  value: unknown,
  supported: readonly string[],
): FieldError => ({
  reason: 'FieldValueNotSupported',
  field,
  message: `Unsupported value: ${showValue(value)}: supported values: ${supported
    .map((item) => `"${item}"`)
    .join(', ')}`,
})
export const forbiddenField = (field: string, detail: string): FieldError => ({
  reason: 'FieldValueForbidden',
  field,
  message: `Forbidden: ${detail}`,
})
export const duplicateField = (field: string, value: unknown, detail = ''): FieldError => ({
  reason: 'FieldValueDuplicate',
  field,
  message: `Duplicate value: ${showValue(value)}${detail ? `: ${detail}` : ''}`,
})
export const notFoundField = (field: string, value: unknown, detail = ''): FieldError => ({
  reason: 'FieldValueNotFound',
  field,
  message: `Not found: ${showValue(value)}${detail ? `: ${detail}` : ''}`,
})
export const tooManyField = (field: string, count: number, max: number): FieldError => ({
  reason: 'FieldValueTooMany',
  field,
  message: `Too many: ${count}: must have at most ${max} ${max === 1 ? 'item' : 'items'}`,
})
export const tooLongField = (field: string, maxBytes: number): FieldError => ({
  reason: 'FieldValueTooLong',
  field,
  message: `Too long: may not be more than ${maxBytes} bytes`,
})

/** The 422 that lists every field error, in Kubernetes' wording. */
export const invalid = (
  on: { group: string; kind: string },
  name: string,
  errors: readonly FieldError[],
) => {
  // What is said twice is a cause twice, and one line.
  const lines = [...new Set(errors.map((error) => `${error.field}: ${error.message}`))]
  const list = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`
  const kind = on.group ? `${on.kind}.${on.group}` : on.kind
  return new StatusError(422, 'Invalid', `${kind} "${name}" is invalid: ${list}`, {
    name,
    ...(on.group ? { group: on.group } : {}),
    kind: on.kind,
    causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
  })
}
