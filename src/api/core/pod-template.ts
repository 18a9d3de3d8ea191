/**
 * PodTemplate: the template of a pod, kept by itself for whoever wants to make pods of it.
 *
 * Nothing in the cluster reads it. It has no spec: the template is the whole desire.
 */
import type { V1PodTemplate } from '@kubernetes/client-node'
import { defineKind } from '../kind.ts'
import type { WireObject } from '../meta.ts'
import { formatLabelSelector, selectorOfMap } from '../selector.ts'
import type { FieldError } from '../status-error.ts'
import { column, nameColumn } from './columns.ts'
import { applyPodSpecDefaults } from './pod-spec-defaults.ts'
import { checkPodTemplate } from './pod-spec-validation.ts'
import { podTemplateWarnings } from './pod-warnings.ts'

export type PodTemplate = WireObject<V1PodTemplate>

const containersOf = ({ template }: PodTemplate) => template?.spec?.containers ?? []

export const PodTemplate = defineKind<PodTemplate>({
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  plural: 'podtemplates',
  singular: 'podtemplate',
  namespaced: true,
  model: 'V1PodTemplate',
  tracksGeneration: true,
  applyDefaults: ({ template }) => {
    if (template?.spec) applyPodSpecDefaults(template.spec)
  },
  validate: ({ template }) => {
    const errors: FieldError[] = []
    checkPodTemplate(errors, 'template', template ?? {})
    return errors
  },
  warnings: ({ metadata, template }, old) =>
    old && metadata.generation === old.metadata.generation
      ? []
      : podTemplateWarnings('template', template),
  columns: [
    nameColumn,
    column('Containers', 'Names of the containers in the template.', (podTemplate) => {
      return containersOf(podTemplate)
        .map(({ name }) => name)
        .join(',')
    }),
    column('Images', 'Images of the containers in the template.', (podTemplate) => {
      return containersOf(podTemplate)
        .map(({ image }) => image ?? '')
        .join(',')
    }),
    column('Pod Labels', 'Labels of pods made of it.', ({ template }) => {
      return formatLabelSelector(selectorOfMap(template?.metadata?.labels)) || '<none>'
    }),
  ],
})
