/**
 * Which secrets a pod refers to by name: for images, in environments, in volumes. Pure.
 *
 * The places are those of Kubernetes' `VisitPodSecretNames`. It does not look into claims, nor at empty names.
 */
import type { Container, PodSpec, Volume } from './pod-spec-defaults.ts'

export const podSecrets = (spec: PodSpec): Set<string> => {
  const names = new Set<string>()
  const add = (name: string | undefined) => {
    if (name) names.add(name)
  }
  for (const { name } of spec.imagePullSecrets ?? []) add(name)
  for (const containers of [spec.initContainers, spec.containers, spec.ephemeralContainers])
    for (const container of containers ?? [])
      for (const { secret } of environmentSecrets(container)) add(secret)
  for (const volume of spec.volumes ?? []) for (const name of volumeSecrets(volume)) add(name)
  return names
}

/** In the order of `env`, then of `envFrom`; `variable` where a single variable refers. */
export const environmentSecrets = ({
  env = [],
  envFrom = [],
}: Pick<Container, 'env' | 'envFrom'>): { secret: string; variable?: string }[] => [
  ...env.flatMap(({ name, valueFrom }) =>
    valueFrom?.secretKeyRef ? [{ secret: valueFrom.secretKeyRef.name ?? '', variable: name }] : [],
  ),
  ...envFrom.flatMap(({ secretRef }) => (secretRef ? [{ secret: secretRef.name ?? '' }] : [])),
]

const volumeSecrets = (volume: Volume): (string | undefined)[] => [
  volume.secret?.secretName,
  ...(volume.projected?.sources ?? []).map(({ secret }) => secret?.name),
  volume.azureFile?.secretName,
  volume.cephfs?.secretRef?.name,
  volume.cinder?.secretRef?.name,
  volume.flexVolume?.secretRef?.name,
  volume.rbd?.secretRef?.name,
  volume.scaleIO?.secretRef?.name,
  volume.iscsi?.secretRef?.name,
  volume.storageos?.secretRef?.name,
  volume.csi?.nodePublishSecretRef?.name,
]
