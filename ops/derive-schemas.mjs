/**
 * The field schemas, derived at build time from the installed `@kubernetes/client-node`.
 *
 * Its generated models name every field, type and format (`*.js`), and say what is required and what it
 * means (`*.d.ts`). What they lack (merge keys, enums, which strings are quantities) is kept by hand in
 * `src/api/`. The bundles import the result as `kubus:schemas` and `kubus:schema-descriptions`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const MODELS = 'node_modules/@kubernetes/client-node/dist/gen/models'
const KINDS = 'src/api'

/** Models that no kind's file names but requests and answers carry. */
const EXTRA_MODELS = [
  'AuthenticationV1TokenRequest',
  'V1APIGroup',
  'V1APIGroupList',
  'V1APIResourceList',
  'V1APIVersions',
  'V1Binding',
  'V1Condition',
  'V1DeleteOptions',
  'V1Eviction',
  'V1LabelSelector',
  'V1ListMeta',
  'V1PodTemplate',
  'V1Scale',
  'V1SelfSubjectAccessReview',
  'V1SelfSubjectReview',
  'V1SelfSubjectRulesReview',
  'V1Status',
  'V1SubjectAccessReview',
  'V1TokenReview',
]

/** A field's type: `[]` a list of, `{}` a map of; then a scalar or a model's name. */
const typeCode = (type, format) => {
  const list = /^Array<(.*)>$/.exec(type)
  if (list) return `[]${typeCode(list[1], format)}`
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type)
  if (map) return `{}${typeCode(map[1], format)}`
  if (format === 'date-time-micro') return 'microTime'
  if (type === 'Date') return 'time'
  if (type === 'IntOrString') return 'intOrString'
  if (type === 'number') return format === 'int32' || format === 'int64' ? format : 'double'
  if (type === 'string' && format === 'byte') return 'byte'
  return type
}

const modelOf = (code) => {
  const name = code.replace(/^(\[\]|\{\})+/, '')
  return /^[A-Z]/.test(name) ? name : undefined
}

const declaredModels = () =>
  readdirSync(KINDS, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .flatMap((entry) => {
      const source = readFileSync(join(entry.parentPath, entry.name), 'utf8')
      return [...source.matchAll(/^ {2}model: '(\w+)',$/gm)].map(([, model]) => model)
    })

const plain = (comment) =>
  comment
    .replace(/^\s*\* ?/gm, '')
    .replace(/\\(['"`\\])/g, '$1')
    .trim()

const fileOf = (name) => join(MODELS, `${name}.js`)

/**
 * Where a model is read from; undefined for the list of a kind without objects. The list of a kind whose name
 * had to be told apart from others (`ResourceV1ResourceClaim`) has not.
 */
const sourceOf = (name) => {
  if (existsSync(fileOf(name))) return name
  const plain = name.replace(/^[A-Z][a-z]+(?=V\d)/, '')
  return plain !== name && existsSync(fileOf(plain)) ? plain : undefined
}

const readModel = (model) => {
  const name = sourceOf(model)
  const source = readFileSync(fileOf(name), 'utf8')
  const typings = readFileSync(join(MODELS, `${name}.d.ts`), 'utf8')
  const attributes = JSON.parse(/attributeTypeMap = (\[[\s\S]*?\n\]|\[\]);/.exec(source)[1])
  const fields = {}
  const described = {}
  const head = /\/\*\*\n((?:\*.*\n)+)\*\/\nexport declare class/.exec(typings)
  if (head) described[''] = plain(head[1])
  for (const { name: property, baseName, type, format } of attributes) {
    const declared = new RegExp(
      `(?:/\\*\\*\\n((?: +\\*[^\\n]*\\n)+?) +\\*/\\n)? +'${property}'(\\??):`,
    ).exec(typings)
    fields[baseName] = `${typeCode(type, format)}${declared[2] ? '' : '!'}`
    if (declared[1]) described[baseName] = plain(declared[1])
  }
  return { fields, described }
}

/** `{ schemas: { model: { field: type } }, descriptions: { model: { field or '': text } } }`. */
export const deriveSchemas = () => {
  const schemas = {}
  const descriptions = {}
  const declared = declaredModels().flatMap((model) => [model, `${model}List`])
  const pending = [...declared.filter(sourceOf), ...EXTRA_MODELS]
  for (let name = pending.pop(); name; name = pending.pop()) {
    if (schemas[name]) continue
    const { fields, described } = readModel(name)
    schemas[name] = fields
    descriptions[name] = described
    for (const code of Object.values(fields)) {
      const model = modelOf(code.replace('!', ''))
      if (model) pending.push(model)
    }
  }
  return { schemas, descriptions }
}

/** For esbuild: resolves the two virtual modules. */
export const schemaPlugin = {
  name: 'schemas',
  setup(bundle) {
    let derived
    bundle.onStart(() => {
      derived = undefined
    })
    bundle.onResolve({ filter: /^kubus:/ }, ({ path }) => ({ path, namespace: 'schemas' }))
    bundle.onLoad({ filter: /.*/, namespace: 'schemas' }, ({ path }) => {
      derived ??= deriveSchemas()
      const text = (part) => JSON.stringify(JSON.stringify(part))
      // parsing JSON text is faster at start than evaluating the same literal
      return path === 'kubus:schemas'
        ? { contents: `export default JSON.parse(${text(derived.schemas)})` }
        : { contents: `export default () => JSON.parse(${text(derived.descriptions)})` }
    })
  },
}
