/**
 * How fields merge, and how Go writes them, by the models' names: `node ops/derive-merge-facts.mjs`.
 *
 * Run by hand when the version of `@kubernetes/client-node` changes; it reads Kubernetes' OpenAPI document, the
 * schema that client-go carries for server-side apply, and the Go API types, out of modules that `go mod download`
 * fetches, and rewrites `src/api/merge-facts.json`. What the words mean is in `src/api/merge-keys.ts`.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { parse } from 'yaml'

const MODULES = {
  kubernetes: 'v1.36.0',
  'client-go': 'v0.36.0',
  api: 'v0.36.0',
  apimachinery: 'v0.36.0',
  'apiextensions-apiserver': 'v0.36.0',
  'kube-aggregator': 'v0.36.0',
}
const MODELS = 'node_modules/@kubernetes/client-node/dist/gen/models'
const TARGET = 'src/api/merge-facts.json'

const folderOf = (module) =>
  JSON.parse(
    execFileSync('go', ['mod', 'download', '-json', `k8s.io/${module}@${MODULES[module]}`], {
      encoding: 'utf8',
    }),
  ).Dir

const swagger = JSON.parse(
  readFileSync(join(folderOf('kubernetes'), 'api/openapi-spec/swagger.json'), 'utf8'),
)
const goSource = readFileSync(
  join(folderOf('client-go'), 'applyconfigurations/internal/internal.go'),
  'utf8',
)
const applySchema = parse(/YAMLObject\(`([\s\S]*?)`\)/.exec(goSource)[1])
const applyTypes = new Map(applySchema.types.map((type) => [type.name, type]))

const capital = (text) => text[0].toUpperCase() + text.slice(1)

/** `io.k8s.api.core.v1.PodSpec` → `V1PodSpec`; a name that several groups use begins with the group. */
const modelOf = (name) => {
  const [group, version, kind] = name.split('.').slice(-3)
  return [
    `${capital(group)}${capital(version)}${kind}`,
    `${capital(version)}${kind}`,
    kind === 'IntOrString' ? 'IntOrString' : undefined,
  ].find((model) => model && existsSync(join(MODELS, `${model}.js`)))
}

const STRUCT = /^type (\w+) struct \{\n([\s\S]*?)^\}/gm
const FIELD = /^\t(?:(\w+)\s+)?(\*?)([\w.[\]*]+)\s+`[^`]*json:"([^"]*)"/gm

/** The fields of a Go struct, by the folder of its package and its name. */
const structs = new Map()
for (const module of ['api', 'apimachinery', 'apiextensions-apiserver', 'kube-aggregator'])
  for (const file of readdirSync(folderOf(module), { recursive: true, withFileTypes: true })) {
    if (!file.name.endsWith('.go') || /^(zz_)?generated|_test\.go$/.test(file.name)) continue
    const folder = file.parentPath ?? dirname(join(file.path, file.name))
    for (const [, name, body] of readFileSync(join(folder, file.name), 'utf8').matchAll(STRUCT))
      structs.set(
        `${basename(dirname(folder))}.${basename(folder)}.${name}`,
        [...body.matchAll(FIELD)].map(([, , pointer, type, tag]) => {
          const [json, ...options] = tag.split(',')
          return { json, type, isPointer: pointer === '*', options, place: folder }
        }),
      )
  }

/** `core.v1.PodSpec` of `PodSpec` in that package, or of `v1.PodSpec` wherever it is. */
const structNamed = ({ type, place }) => {
  const name = type.replace(/^\w+\./, '')
  const own = structs.get(`${basename(dirname(place))}.${basename(place)}.${name}`)
  if (own && !type.includes('.')) return own
  return ['meta.v1', 'core.v1', 'autoscaling.v1', 'util.intstr', 'api.resource', 'pkg.runtime']
    .map((folder) => structs.get(`${folder}.${name}`))
    .find((found) => found)
}

const goFields = (name) => {
  const fields = structs.get(name.split('.').slice(-3).join('.')) ?? []
  const embedded = (field) => field.json === '' && !field.type.endsWith('TypeMeta')
  return new Map(
    fields.flatMap((field) =>
      embedded(field)
        ? (structNamed(field) ?? []).map((inner) => [inner.json, inner])
        : [[field.json, field]],
    ),
  )
}

/** What Go's JSON always writes, strings apart: an update never adds it, only what is in it. */
const isPresent = (field) => {
  if (!field || field.options.includes('omitzero')) return false
  const isStruct = !field.isPointer && structNamed(field) !== undefined && !/[[\]]/.test(field.type)
  return isStruct || (!field.options.includes('omitempty') && field.type !== 'string')
}

const wordsOf = (goField, property, applied) => {
  const words = []
  const strategies = property['x-kubernetes-patch-strategy']
  if (strategies) words.push(`patch:${strategies}`)
  const mergeKey = property['x-kubernetes-patch-merge-key']
  if (mergeKey) words.push(`key:${mergeKey}`)
  const listType = property['x-kubernetes-list-type']
  if (listType === 'map') words.push(`map:${property['x-kubernetes-list-map-keys'].join(',')}`)
  else if (listType === 'set') words.push('set')
  if (listType === 'atomic' || property['x-kubernetes-map-type'] === 'atomic') words.push('atomic')
  if (isPresent(goField)) words.push('present')
  if (applied?.default && typeof applied.default === 'string')
    words.push(`default:${applied.default}`)
  return words
}

const facts = {}
for (const [name, definition] of Object.entries(swagger.definitions)) {
  const model = modelOf(name)
  if (!model) continue
  const applied = new Map(
    (applyTypes.get(name)?.map?.fields ?? []).map((field) => [field.name, field]),
  )
  const lines = definition['x-kubernetes-map-type'] === 'atomic' ? ['atomic'] : []
  const goTypes = goFields(name)
  for (const [field, property] of Object.entries(definition.properties ?? {})) {
    const words = wordsOf(goTypes.get(field), property, applied.get(field))
    if (words.length > 0) lines.push([field, ...words].join(' '))
  }
  if (lines.length > 0) facts[model] = lines.join(';')
}

const sorted = Object.fromEntries(Object.entries(facts).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(TARGET, `${JSON.stringify(sorted, null, 2)}\n`)
