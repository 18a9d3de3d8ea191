/**
 * How fields merge, by the models' names: `node ops/derive-merge-facts.mjs`.
 *
 * Run by hand when the version of `@kubernetes/client-node` changes; it reads Kubernetes' OpenAPI document and the
 * schema that client-go carries for server-side apply, out of Go modules that `go mod download` fetches, and
 * rewrites `src/api/merge-facts.json`. What the words mean is in `src/api/merge-keys.ts`.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const MODULES = { kubernetes: 'v1.36.0', 'client-go': 'v0.36.0' }
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

/** Structs and granular containers that Go's JSON always writes: an update never adds the container itself. */
const isPresent = (definition, field, property, applied) => {
  const isStruct = property.$ref !== undefined || property.allOf !== undefined
  if (isStruct && applied && JSON.stringify(applied.default) === '{}') return true
  const isContainer = isStruct || property.type === 'array' || property.type === 'object'
  return isContainer && (definition.required ?? []).includes(field)
}

const wordsOf = (definition, field, property, applied) => {
  const words = []
  const strategies = property['x-kubernetes-patch-strategy']
  if (strategies) words.push(`patch:${strategies}`)
  const mergeKey = property['x-kubernetes-patch-merge-key']
  if (mergeKey) words.push(`key:${mergeKey}`)
  const listType = property['x-kubernetes-list-type']
  if (listType === 'map') words.push(`map:${property['x-kubernetes-list-map-keys'].join(',')}`)
  else if (listType === 'set') words.push('set')
  if (listType === 'atomic' || property['x-kubernetes-map-type'] === 'atomic') words.push('atomic')
  if (isPresent(definition, field, property, applied)) words.push('present')
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
  for (const [field, property] of Object.entries(definition.properties ?? {})) {
    const words = wordsOf(definition, field, property, applied.get(field))
    if (words.length > 0) lines.push([field, ...words].join(' '))
  }
  if (lines.length > 0) facts[model] = lines.join(';')
}

const sorted = Object.fromEntries(Object.entries(facts).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(TARGET, `${JSON.stringify(sorted, null, 2)}\n`)
