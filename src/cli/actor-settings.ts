/**
 * What the actors of one process are started with, from flags and the state folder.
 */
export interface ActorSettings {
  natsServers: string[]
  /** Which master this is, counted from 0. */
  master: number
  /** Copies of the state stream. */
  replicas: number
  apiPort: number
  bindAddress: string
  advertiseAddress: string | undefined
  nodes: string[]
  nodeAddress: string | undefined
  /** Nodes of this host that other processes keep. */
  otherLocalNodes: string[]
  runtime: 'docker' | 'hollow'
  /** Names what belongs to this cluster on a host. */
  cluster: string
  /** Addresses of all pods; each node gets a /24 of it. */
  clusterCidr: string
  /** Addresses of Services. */
  serviceCidr: string
}
