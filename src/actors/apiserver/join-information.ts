/**
 * What a machine finds that is to join the cluster with a bootstrap token, as kubeadm leaves it there: the ConfigMap
 * `kube-public/cluster-info`, which anybody may read, and the roles by which such a machine gets its certificate.
 *
 * Invariant: the ConfigMap's kubeconfig names the authorities that are trusted now; the server it names stays. The
 * `bootstrapsigner` controller signs it. Of the roles nothing that exists is changed.
 */
import { ConfigMap } from '../../api/core/config-map.ts'
import type { AnyKind } from '../../api/kind.ts'
import { ClusterRole } from '../../api/rbac/cluster-role.ts'
import { ClusterRoleBinding } from '../../api/rbac/cluster-role-binding.ts'
import { Role } from '../../api/rbac/role.ts'
import { RoleBinding } from '../../api/rbac/role-binding.ts'
import { ensureObject } from './bootstrap.ts'
import { keepConfigMap } from './keep-config-map.ts'
import type { Services } from './services.ts'

const NAMESPACE = 'kube-public'
const NAME = 'cluster-info'
const KEY = 'kubeconfig'

/** `server` is the URL under which this apiserver is reached; `clientCa` the trusted authorities in PEM. */
export const publishJoinInformation = async (
  services: Services,
  server: string,
  clientCa: string,
): Promise<void> => {
  const known = services.storage.cache.get(ConfigMap, NAMESPACE, NAME)?.data?.[KEY] ?? ''
  const named = /^ {4}server: (\S+)$/m.exec(known)?.[1]
  await Promise.all([
    keepConfigMap(services, NAMESPACE, NAME, { [KEY]: kubeconfig(named ?? server, clientCa) }),
    ...ROLES.map(([kind, namespace, body]) => ensureObject(services, kind, namespace, body)),
  ])
}

const kubeconfig = (server: string, clientCa: string): string => `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${Buffer.from(clientCa).toString('base64')}
    server: ${server}
  name: ""
contexts: null
current-context: ""
kind: Config
users: null
`

const RBAC = 'rbac.authorization.k8s.io'
const SIGNER_ROLE = 'kubeadm:bootstrap-signer-clusterinfo'
const GET_NODES = 'kubeadm:get-nodes'
const JOINING = 'system:bootstrappers:kubeadm:default-node-token'
const APPROVAL = 'system:certificates.k8s.io:certificatesigningrequests'

interface Body {
  metadata: { name: string }
  [field: string]: unknown
}

const binding = (name: string, role: string, group: string, roleKind = 'ClusterRole'): Body => ({
  metadata: { name },
  roleRef: { apiGroup: RBAC, kind: roleKind, name: role },
  subjects: [{ kind: 'Group', apiGroup: RBAC, name: group }],
})

/** Names and contents are kubeadm's. */
const ROLES: readonly (readonly [kind: AnyKind, namespace: string | undefined, body: Body])[] = [
  [
    Role,
    NAMESPACE,
    {
      metadata: { name: SIGNER_ROLE },
      rules: [
        { verbs: ['get'], apiGroups: [''], resources: ['configmaps'], resourceNames: [NAME] },
      ],
    },
  ],
  [
    RoleBinding,
    NAMESPACE,
    {
      ...binding(SIGNER_ROLE, SIGNER_ROLE, '', 'Role'),
      subjects: [{ kind: 'User', apiGroup: RBAC, name: 'system:anonymous' }],
    },
  ],
  [
    ClusterRole,
    undefined,
    {
      metadata: { name: GET_NODES },
      rules: [{ verbs: ['get'], apiGroups: [''], resources: ['nodes'] }],
    },
  ],
  [ClusterRoleBinding, undefined, binding(GET_NODES, GET_NODES, JOINING)],
  [
    ClusterRoleBinding,
    undefined,
    binding('kubeadm:kubelet-bootstrap', 'system:node-bootstrapper', JOINING),
  ],
  [
    ClusterRoleBinding,
    undefined,
    binding('kubeadm:node-autoapprove-bootstrap', `${APPROVAL}:nodeclient`, JOINING),
  ],
  [
    ClusterRoleBinding,
    undefined,
    binding(
      'kubeadm:node-autoapprove-certificate-rotation',
      `${APPROVAL}:selfnodeclient`,
      'system:nodes',
    ),
  ],
]
