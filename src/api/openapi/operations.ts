/**
 * The operations of every kind, as data that both OpenAPI dialects are written from.
 *
 * Paths, actions and query parameters are Kubernetes'. It lists what kinds offer by their declarations; the
 * subresources of pods and namespaces, which no declaration names, are kept here.
 */
import type { AnyKind } from '../kind.ts'
import { listModelOf, modelOf } from './definition-names.ts'
import type { GroupVersionKind } from './definitions.ts'

export interface Parameter {
  name: string
  in: 'query' | 'path'
  type: 'string' | 'boolean' | 'integer'
  description: string
}

export interface Operation {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete' | 'head' | 'options'
  /** Of a custom kind, which knows no strategic merge patch. */
  isCustom?: boolean
  /** `x-kubernetes-action`; discovery has none. */
  action?: 'get' | 'list' | 'post' | 'put' | 'patch' | 'delete' | 'deletecollection' | 'connect'
  id: string
  tag: string
  description: string
  groupVersionKind?: GroupVersionKind
  parameters: readonly Parameter[]
  /** Models; an absent answer is text. */
  body?: string
  answer?: string
}

export interface Path {
  path: string
  /** Shared by the operations: the path's own and `pretty`. */
  parameters: readonly Parameter[]
  operations: readonly Operation[]
}

const query = (
  name: string,
  description: string,
  type: Parameter['type'] = 'string',
): Parameter => ({ name, in: 'query', type, description })

const PRETTY = query('pretty', 'If true, the answer is indented.')
const DRY_RUN = query('dryRun', 'All: the request is processed but nothing is stored.')
const FIELD_MANAGER = query('fieldManager', 'The name of the actor that makes these changes.')
const FIELD_VALIDATION = query(
  'fieldValidation',
  'What to do about unknown or duplicate fields: Ignore, Warn or Strict.',
)
const WRITING = [DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION]
const LISTING = [
  query('allowWatchBookmarks', 'Whether the watch may carry bookmarks.', 'boolean'),
  query('continue', 'The token of the list that this one continues.'),
  query('fieldSelector', 'Restricts the list by fields.'),
  query('labelSelector', 'Restricts the list by labels.'),
  query('limit', 'The most items to answer with.', 'integer'),
  query('resourceVersion', 'The revision that the answer must not be older than.'),
  query('resourceVersionMatch', 'How resourceVersion applies to a list.'),
  query('sendInitialEvents', 'Whether a watch begins with all objects.', 'boolean'),
  query('timeoutSeconds', 'Ends the list or watch after this many seconds.', 'integer'),
  query('watch', 'Answers with changes as they come instead of a list.', 'boolean'),
]
const DELETING = [
  DRY_RUN,
  query('gracePeriodSeconds', 'Seconds before the object is deleted.', 'integer'),
  query('orphanDependents', 'Deprecated: use propagationPolicy.', 'boolean'),
  query('propagationPolicy', 'Orphan, Background or Foreground.'),
]
const FORCE = query('force', 'Whether to take fields that other managers own.', 'boolean')

const inPath = (name: string, description: string): Parameter => ({
  name,
  in: 'path',
  type: 'string',
  description,
})
const NAMESPACE = inPath('namespace', 'The namespace of the object.')
const NAME = inPath('name', 'The name of the object.')
const PATH = inPath('path', 'The path to the resource.')

/** Every path of the kind. */
export const pathsOf = (kind: AnyKind): Path[] => {
  const root = kind.group ? `/apis/${kind.apiVersion}` : `/api/${kind.version}`
  const scope = kind.namespaced ? '/namespaces/{namespace}' : ''
  const collection = `${root}${scope}/${kind.plural}`
  const scopeParameters = kind.namespaced ? [NAMESPACE] : []
  const named = [NAME, ...scopeParameters, PRETTY]
  if (kind.isComputed)
    return [
      { path: collection, parameters: [PRETTY], operations: [listOperation(kind)] },
      {
        path: `${collection}/{name}`,
        parameters: named,
        operations: changingOperations(kind, '', modelOf(kind)).slice(0, 1),
      },
    ]
  if (kind.isVirtual)
    return [
      {
        path: collection,
        parameters: [...scopeParameters, PRETTY],
        operations: [createOperation(kind)],
      },
    ]
  const paths: Path[] = [
    {
      path: collection,
      parameters: [...scopeParameters, PRETTY],
      operations: collectionOperations(kind),
    },
    { path: `${collection}/{name}`, parameters: named, operations: objectOperations(kind) },
  ]
  if (kind.namespaced)
    paths.push({
      path: `${root}/${kind.plural}`,
      parameters: [PRETTY],
      operations: [listOperation(kind, 'ForAllNamespaces')],
    })
  if (kind.group === '' && kind.plural === 'pods')
    paths.push({
      path: `${root}/namespaces/{namespace}/bindings`,
      parameters: [NAMESPACE, PRETTY],
      operations: [bindingOperation(kind)],
    })
  for (const [name, operations] of subresources(kind))
    paths.push({
      path: `${collection}/{name}/${name}`,
      parameters: name.endsWith('{path}') ? [...named, PATH] : named,
      operations,
    })
  return paths
}

/** `readCoreV1NamespacedPod`: how client generators name methods. */
const idOf = (kind: AnyKind, verb: string, suffix = '', scope = scopeWord(kind)): string =>
  `${verb}${tagWords(kind).map(capitalized).join('')}${scope}${kind.kind}${suffix}`

/** `connectCoreV1GetNamespacedPodExec`. */
const connectId = (kind: AnyKind, method: string, suffix: string): string =>
  idOf(kind, 'connect', suffix, `${capitalized(method)}${scopeWord(kind)}`)

const scopeWord = ({ namespaced }: AnyKind) => (namespaced ? 'Namespaced' : '')

export const capitalized = (word: string) => word.charAt(0).toUpperCase() + word.slice(1)

export const tagWords = ({ group, version, schema }: AnyKind): string[] => [
  group ? camelCase(schema ? group : group.replace(/\.k8s\.io$/, '')) : 'core',
  version,
]

/** `rbac.authorization` → `rbacAuthorization`. */
const camelCase = (words: string): string =>
  words.replace(/[.-](\w)/g, (_dot, letter: string) => letter.toUpperCase())

const operation = (
  kind: AnyKind,
  more: Omit<Operation, 'tag' | 'groupVersionKind'> & { groupVersionKind?: GroupVersionKind },
): Operation => ({
  groupVersionKind: { group: kind.group, version: kind.version, kind: kind.kind },
  tag: tagWords(kind).join('_'),
  ...more,
})

const listOperation = (kind: AnyKind, suffix = ''): Operation =>
  operation(kind, {
    method: 'get',
    action: 'list',
    id: idOf(kind, 'list', suffix, suffix ? '' : undefined),
    description: `list or watch objects of kind ${kind.kind}`,
    parameters: LISTING,
    answer: listModelOf(kind),
  })

const createOperation = (kind: AnyKind): Operation =>
  operation(kind, {
    method: 'post',
    action: 'post',
    id: idOf(kind, 'create'),
    description: `create a ${kind.kind}`,
    parameters: WRITING,
    body: modelOf(kind),
    answer: modelOf(kind),
  })

const collectionOperations = (kind: AnyKind): Operation[] => [
  listOperation(kind),
  createOperation(kind),
  operation(kind, {
    method: 'delete',
    action: 'deletecollection',
    id: idOf(kind, 'delete', '', `Collection${scopeWord(kind)}`),
    description: `delete collection of ${kind.kind}`,
    parameters: [...LISTING.filter(({ name }) => name !== 'watch'), ...DELETING],
    body: 'V1DeleteOptions',
    answer: 'V1Status',
  }),
]

const objectOperations = (kind: AnyKind): Operation[] => [
  ...changingOperations(kind, '', modelOf(kind)),
  operation(kind, {
    method: 'delete',
    action: 'delete',
    id: idOf(kind, 'delete'),
    description: `delete a ${kind.kind}`,
    parameters: DELETING,
    body: 'V1DeleteOptions',
    answer: 'V1Status',
  }),
]

/** get, put and patch, of the object or of a subresource that is a document. */
const changingOperations = (
  kind: AnyKind,
  subresource: string,
  model: string,
  groupVersionKind?: GroupVersionKind,
): Operation[] => {
  const suffix = capitalized(subresource)
  const what = subresource
    ? `${subresource} of the specified ${kind.kind}`
    : `the specified ${kind.kind}`
  const shared = { answer: model, ...(groupVersionKind ? { groupVersionKind } : {}) }
  return [
    operation(kind, {
      method: 'get',
      action: 'get',
      id: idOf(kind, 'read', suffix),
      description: `read ${what}`,
      parameters: [],
      ...shared,
    }),
    operation(kind, {
      method: 'put',
      action: 'put',
      id: idOf(kind, 'replace', suffix),
      description: `replace ${what}`,
      parameters: WRITING,
      body: model,
      ...shared,
    }),
    operation(kind, {
      method: 'patch',
      action: 'patch',
      id: idOf(kind, 'patch', suffix),
      description: `partially update ${what}`,
      parameters: [...WRITING, FORCE],
      body: 'patch',
      ...(kind.isCustom ? { isCustom: true } : {}),
      ...shared,
    }),
  ]
}

const SCALE: GroupVersionKind = { group: 'autoscaling', version: 'v1', kind: 'Scale' }

const subresources = (kind: AnyKind): [string, Operation[]][] => {
  const found: [string, Operation[]][] = []
  if (kind.statusSubresource)
    found.push(['status', changingOperations(kind, 'status', modelOf(kind))])
  for (const name of Object.keys(kind.parts ?? {}))
    found.push([name, changingOperations(kind, name, modelOf(kind))])
  if (kind.scale) found.push(['scale', changingOperations(kind, 'scale', 'V1Scale', SCALE)])
  if (kind.group !== '') return found
  if (kind.plural === 'pods') found.push(...podSubresources(kind))
  if (kind.plural === 'serviceaccounts') found.push(['token', [tokenOperation(kind)]])
  if (kind.plural === 'nodes' || kind.plural === 'services') found.push(...bothProxies(kind))
  if (kind.plural === 'namespaces')
    found.push([
      'finalize',
      changingOperations(kind, 'finalize', modelOf(kind)).filter(({ method }) => method === 'put'),
    ])
  return found
}

/** Bindings of pods by the name in the body. */
const bindingOperation = (pods: AnyKind): Operation =>
  operation(pods, {
    method: 'post',
    action: 'post',
    id: 'createCoreV1NamespacedBinding',
    description: 'create a Binding',
    parameters: WRITING,
    body: 'V1Binding',
    answer: 'V1Binding',
    groupVersionKind: { group: '', version: 'v1', kind: 'Binding' },
  })

const tokenOperation = (kind: AnyKind): Operation =>
  operation(kind, {
    method: 'post',
    action: 'post',
    id: idOf(kind, 'create', 'Token'),
    description: `create token of a ${kind.kind}`,
    parameters: WRITING,
    body: 'AuthenticationV1TokenRequest',
    answer: 'AuthenticationV1TokenRequest',
    groupVersionKind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
  })

const CONTAINER = query('container', 'The container; default: the only one of the pod.')
const STREAMS = [
  CONTAINER,
  query('stderr', 'Whether to stream standard error.', 'boolean'),
  query('stdin', 'Whether to stream standard input.', 'boolean'),
  query('stdout', 'Whether to stream standard output.', 'boolean'),
  query('tty', 'Whether there is a terminal.', 'boolean'),
]
const LOGGING = [
  CONTAINER,
  query('follow', 'Whether to go on as lines are written.', 'boolean'),
  query('limitBytes', 'The most bytes to answer with.', 'integer'),
  query('previous', 'The logs of the container before its last restart.', 'boolean'),
  query('sinceSeconds', 'Only lines this many seconds old or younger.', 'integer'),
  query('tailLines', 'Only this many lines from the end.', 'integer'),
  query('timestamps', 'Whether each line begins with its time.', 'boolean'),
]

const PROXY_METHODS = ['delete', 'get', 'head', 'options', 'patch', 'post', 'put'] as const

const proxyOperations = (kind: AnyKind, suffix = ''): [string, Operation[]] => [
  suffix ? 'proxy/{path}' : 'proxy',
  PROXY_METHODS.map((method) =>
    operation(kind, {
      method,
      action: 'connect',
      id: connectId(kind, method, `Proxy${suffix}`),
      description: `connect ${method.toUpperCase()} requests to proxy of ${kind.kind}`,
      parameters: [query('path', 'The part of URLs to use for the current proxy request.')],
      groupVersionKind: { group: '', version: 'v1', kind: `${kind.kind}ProxyOptions` },
    }),
  ),
]

const bothProxies = (kind: AnyKind) => [proxyOperations(kind), proxyOperations(kind, 'WithPath')]

const podSubresources = (kind: AnyKind): [string, Operation[]][] => {
  const connect = (
    name: string,
    parameters: readonly Parameter[],
    words = capitalized(name),
  ): [string, Operation[]] => [
    name,
    (['get', 'post'] as const).map((method) =>
      operation(kind, {
        method,
        action: 'connect',
        id: connectId(kind, method, capitalized(name)),
        description: `connect ${method.toUpperCase()} requests to ${name} of Pod`,
        parameters,
        groupVersionKind: { group: '', version: 'v1', kind: `Pod${words}Options` },
      }),
    ),
  ]
  const create = (name: string, model: string, group: string): [string, Operation[]] => [
    name,
    [
      operation(kind, {
        method: 'post',
        action: 'post',
        id: idOf(kind, 'create', capitalized(name)),
        description: `create ${name} of a Pod`,
        parameters: WRITING,
        body: model,
        answer: model,
        groupVersionKind: { group, version: 'v1', kind: capitalized(name) },
      }),
    ],
  ]
  return [
    connect('attach', STREAMS),
    create('binding', 'V1Binding', ''),
    create('eviction', 'V1Eviction', 'policy'),
    connect('exec', [...STREAMS, query('command', 'The command and its arguments.')]),
    connect('portforward', [query('ports', 'The ports to forward.', 'integer')], 'PortForward'),
    ...bothProxies(kind),
    [
      'log',
      [
        operation(kind, {
          method: 'get',
          action: 'get',
          id: idOf(kind, 'read', 'Log'),
          description: 'read log of the specified Pod',
          parameters: LOGGING,
        }),
      ],
    ],
  ]
}
