/**
 * Field numbers of Kubernetes' protobuf messages, by the models' names: `node ops/derive-protobuf-fields.mjs`.
 *
 * Run by hand when the version of `@kubernetes/client-node` changes; it reads the struct tags of Kubernetes'
 * Go API modules, which `go mod download` fetches, and rewrites `src/actors/apiserver/protobuf-fields.json`.
 *
 * A model is one text: its fields by number, from 1 on without gaps unless a number stands before. `{` and `}`
 * hold the fields of a struct that Go embeds as one field. Behind a name: `$` a quantity, `?` the zero value
 * means absent, `*` a list that is a message of its own, `|` a schema or something simpler, `0` a struct
 * without fields.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const VERSION = 'v0.36.0'
const MODULES = ['api', 'apimachinery', 'apiextensions-apiserver', 'kube-aggregator']
const MODELS = 'node_modules/@kubernetes/client-node/dist/gen/models'
const TARGET = 'src/actors/apiserver/protobuf-fields.json'

const goFolders = (module) => {
  const { Dir } = JSON.parse(
    execFileSync('go', ['mod', 'download', '-json', `k8s.io/${module}@${VERSION}`], {
      encoding: 'utf8',
    }),
  )
  return readdirSync(Dir, { recursive: true, withFileTypes: true })
    .filter((file) => file.name === 'generated.proto')
    .map((file) => file.parentPath ?? dirname(join(file.path, file.name)))
}

const STRUCT = /^type (\w+) struct \{\n([\s\S]*?)^\}/gm
const FIELD = /^\t(?:(\w+)\s+)?(\*?)([\w.[\]*]+)\s+`([^`]*)`/gm
const tagOf = (tags, name) => new RegExp(`${name}:"([^"]*)"`).exec(tags)?.[1]

/** @type {{ folder: string, name: string, fields: object[] }[]} */
const structs = []
for (const folder of MODULES.flatMap(goFolders))
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.go') || file.startsWith('generated') || file.endsWith('_test.go')) continue
    for (const [, name, body] of readFileSync(join(folder, file), 'utf8').matchAll(STRUCT)) {
      const fields = [...body.matchAll(FIELD)].flatMap(([, , pointer, type, tags]) => {
        const [json = '', ...options] = (tagOf(tags, 'json') ?? '').split(',')
        const [, number, rule] = (tagOf(tags, 'protobuf') ?? '').split(',')
        if (!number) return []
        const isInline = options.includes('inline') || json === ''
        return [
          {
            json,
            number: Number(number),
            rule,
            type,
            isInline,
            isPointer: pointer === '*',
            options,
          },
        ]
      })
      structs.push({ folder, name, fields })
    }
  }

const SCALARS = /^(?:string|bool|int|int32|int64|float64|(?:\w+\.)?[A-Z]\w*)$/
const MAY_BE_SIMPLER = /^JSONSchemaPropsOr|\]JSONSchemaPropsOr|^JSONSchemaDependencies$/

const EMPTY = /^CustomResourceSubresourceStatus$/

const marksOf = ({ type, rule, isPointer, options }, struct) => {
  if (EMPTY.test(type)) return '0'
  if (/\bQuantity$/.test(type) || /\bResourceList$/.test(type)) return '$'
  if (MAY_BE_SIMPLER.test(type)) return '|'
  if (type === 'Verbs') return '*'
  const isPlain = !isPointer && rule !== 'rep' && SCALARS.test(type) && !struct
  return isPlain && options.includes('omitempty') ? '?' : ''
}

const inFolder = (folder, type) =>
  structs.find((struct) => struct.folder === folder && struct.name === type)

/** Structs of other packages are embedded too, e.g. `metav1.X`. */
const structNamed = (folder, type) =>
  inFolder(folder, type) ?? structs.find(({ name }) => name === type.replace(/^\w+\./, ''))

const textOf = ({ folder, fields }) => {
  const tokens = []
  let next = 1
  for (const field of fields.toSorted((a, b) => a.number - b.number)) {
    if (field.number !== next) tokens.push(String(field.number))
    next = field.number + 1
    if (field.isInline) tokens.push('{', textOf(structNamed(folder, field.type)), '}')
    else tokens.push(`${field.json}${marksOf(field, structNamed(folder, field.type))}`)
  }
  return tokens.join(' ')
}

const jsonNames = (struct) =>
  struct.fields.flatMap((field) =>
    field.isInline ? jsonNames(structNamed(struct.folder, field.type)) : [field.json],
  )

const MODEL = /^([A-Z][a-z]+?)??(V\d+(?:beta\d+)?)([A-Z]\w*)\.js$/

const result = {}
for (const file of readdirSync(MODELS).sort()) {
  const [, prefix = '', version = '', goName = ''] = MODEL.exec(file) ?? []
  if (!version) continue
  const map = /attributeTypeMap = (\[[\s\S]*?\n\s*\]|\[\]);/.exec(
    readFileSync(join(MODELS, file), 'utf8'),
  )
  if (!map) continue
  const names = JSON.parse(map[1]).map(({ baseName }) => baseName)
  if (goName.endsWith('List') && names.includes('items')) continue
  const best = structs
    .filter(({ name, folder }) => name === goName && folder.endsWith(`/${version.toLowerCase()}`))
    .map((struct) => {
      const known = new Set(jsonNames(struct))
      const missing = names.filter((name) => !known.has(name)).length
      const isNamed = prefix && struct.folder.includes(`/${prefix.toLowerCase()}`)
      return { struct, rank: (isNamed ? 1000 : 0) - missing * 2 - known.size }
    })
    .sort((a, b) => b.rank - a.rank)[0]
  if (best) result[file.slice(0, -'.js'.length)] = textOf(best.struct)
}
const lines = Object.entries(result).map(
  ([model, fields]) => `  ${JSON.stringify(model)}: ${JSON.stringify(fields)}`,
)
writeFileSync(TARGET, `{\n${lines.join(',\n')}\n}\n`)
