/**
 * Which secrets the node of a volume's pod has to read for it. Pure.
 *
 * The places are those of Kubernetes 1.36 (`pkg/api/v1/persistentvolume/util.go`), but for those that only
 * controllers read. Without a namespace a secret is in that of the claim.
 */
import type { PersistentVolume } from './persistent-volume.ts'

interface SecretName {
  namespace: string
  name: string
}

interface Reference {
  namespace?: string
  name?: string
}

export const visibleSecrets = ({ spec }: PersistentVolume): SecretName[] => {
  if (!spec) return []
  const claimNamespace = spec.claimRef?.namespace ?? ''
  const { azureFile, csi } = spec
  const references: (Reference | undefined)[] = [
    azureFile && {
      name: azureFile.secretName,
      ...(azureFile.secretNamespace ? { namespace: azureFile.secretNamespace } : {}),
    },
    spec.cephfs?.secretRef,
    spec.cinder?.secretRef,
    spec.flexVolume?.secretRef,
    spec.rbd?.secretRef,
    spec.scaleIO?.secretRef,
    spec.iscsi?.secretRef,
    spec.storageos?.secretRef,
    csi?.nodePublishSecretRef,
    csi?.nodeStageSecretRef,
    csi?.nodeExpandSecretRef,
  ]
  return references.flatMap((each) =>
    each?.name ? [{ namespace: each.namespace || claimNamespace, name: each.name }] : [],
  )
}
