import type { EngineInfo } from '../../compute/engine/index.ts'
import type { BindingProof } from '../../swarm/identity/index.ts'
import type { LibP2PCarrier } from '../../swarm/transport/libp2p/index.ts'
import type { DataFolder } from '../data-folder.ts'
import type { NodeInfo } from '../service.ts'

/** A port that a program can listen on. */
export interface PortAddress {
  readonly protocol: 'tcp' | 'udp'
  readonly host: string
  readonly port: number
}

/** A file system as the system describes it. Bytes. */
export interface FileSystemFacts {
  readonly freeBytes: number
  readonly totalBytes: number
  /** Its magic number (`statfs` on Linux); 0 where the system tells none. */
  readonly type: number
}

/** What the folder says of the node's place in a cluster. */
export interface Standing {
  readonly cluster: { readonly id: string; readonly name: string } | undefined
  /** Whether this node's own membership counts now; why not. */
  readonly refusal: string | undefined
  /** Members besides this node. */
  readonly others: number
  /** The latest date on a document that others signed, wall ms; 0 when there is none. */
  readonly newestWallMs: number
  /** The account whose key lies here. */
  readonly ownAccount: string | undefined
  readonly binding: BindingProof | undefined
  /** The account of the membership. */
  readonly memberAccount: string | undefined
}

/**
 * The machine as checks see it: everything that they ask of system, disk and network. {@link systemMachine} is the real
 * one; tests break one thing at a time. What fails throws the system's own errors, or ours.
 */
export interface Machine {
  readonly software: {
    readonly aivida: string
    readonly node: string
    readonly platform: string
    readonly arch: string
  }
  wallMs(): number
  monoMs(): number
  /** Version of an installed package, or `undefined`. */
  packageVersion(name: string): string | undefined
  /** Why the native QUIC binding cannot be loaded; `undefined` when it can. */
  quicProblem(): string | undefined
  /** Asks the node behind the control socket. Throws `node.not-running`, `control.*`, `socket.*`. */
  nodeInfo(socketPath: string, signal: AbortSignal): Promise<NodeInfo>
  /** What lies at a path: nothing, a socket, something else. */
  kindOf(path: string): Promise<'nothing' | 'socket' | 'folder' | 'other'>
  /** File system of the nearest folder above `path` that exists. */
  fileSystem(path: string): Promise<FileSystemFacts>
  /** Writes, syncs and removes a small file in the nearest folder that exists; how long the sync took, and how far the file's date is from our clock. Ms. */
  trialWrite(path: string): Promise<{ readonly syncMs: number; readonly skewMs: number }>
  /** What counts against the disk budget, bytes; `undefined` when counting it takes too long. */
  usedBytes(folder: DataFolder): Promise<number | undefined>
  standing(folder: DataFolder): Promise<Standing>
  /** Addresses that were reached in earlier runs. */
  knownAddresses(folder: DataFolder): Promise<readonly string[]>
  /** Listens for a moment. Throws the system's error, with its errno as `code`. */
  bind(address: PortAddress): Promise<void>
  /** The program that listens there, in words, where the system tells. */
  holder(address: PortAddress): string | undefined
  /** An address of this machine that others could use. */
  ownAddress(): string | undefined
  /** Sends a datagram to itself at this host and waits for it. Throws `timeout`, and the system's errors. */
  echoUdp(host: string, signal: AbortSignal): Promise<void>
  /** Connects to the peer at these addresses by one carrier, and hangs up. Throws `peer.*`, `timeout`. */
  dial(addresses: readonly string[], carrier: LibP2PCarrier, signal: AbortSignal): Promise<void>
  /** Starts an engine child and runs a tiny graph in it. Throws `engine.*`. */
  tryEngine(signal: AbortSignal): Promise<EngineInfo>
  /** The CPU's determinism class and whether it is proven exact, which is proven when it is not yet. Throws `engine.*`. */
  determinism(
    folder: DataFolder,
    signal: AbortSignal,
  ): Promise<{ readonly determinismClass: string; readonly exact: boolean }>
}
