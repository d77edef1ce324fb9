/** When silence becomes suspicion, and suspicion loss. Milliseconds of monotonic time. */
export interface LivenessOptions {
  readonly suspectAfterMs: number
  readonly lostAfterMs: number
}

/** What is heard of peers. */
export type LivenessEvent =
  | { readonly type: 'joined'; readonly peer: string }
  /** Anything that proves the peer is there: a heartbeat, or any other message on its control stream. */
  | { readonly type: 'heard'; readonly peer: string }
  /** Its last connection closed: it is suspect at once, and lost unless it comes back in time. */
  | { readonly type: 'disconnected'; readonly peer: string }
  | { readonly type: 'left'; readonly peer: string }
  | { readonly type: 'tick' }

/** What changed. A suspect peer keeps what it holds; a lost one is dropped and may join anew. */
export type LivenessChange = { readonly type: 'suspect' | 'alive' | 'lost'; readonly peer: string }

/** When each peer was last heard. */
export interface LivenessState {
  readonly options: LivenessOptions
  readonly peers: Map<string, { heardMs: number; suspect: boolean }>
}

/** Nobody is known yet. */
export function initialLiveness(options: LivenessOptions): LivenessState {
  return { options, peers: new Map() }
}

/**
 * Failure detection by heartbeats, as a pure machine. A killed peer over QUIC closes nothing, so a kill, a stop and a
 * pulled cable all take this one path.
 */
export function observe(state: LivenessState, event: LivenessEvent, nowMs: number): LivenessChange[] {
  switch (event.type) {
    case 'joined':
      state.peers.set(event.peer, { heardMs: nowMs, suspect: false })
      return []
    case 'heard': {
      const known = state.peers.get(event.peer)
      if (!known) return []
      known.heardMs = nowMs
      if (!known.suspect) return []
      known.suspect = false
      return [{ type: 'alive', peer: event.peer }]
    }
    case 'disconnected': {
      const known = state.peers.get(event.peer)
      if (!known || known.suspect) return []
      known.suspect = true
      return [{ type: 'suspect', peer: event.peer }]
    }
    case 'left':
      return state.peers.delete(event.peer) ? [{ type: 'lost', peer: event.peer }] : []
    case 'tick':
      return silent(state, nowMs)
  }
}

function silent(state: LivenessState, nowMs: number): LivenessChange[] {
  const changes: LivenessChange[] = []
  for (const [peer, known] of state.peers) {
    const silentMs = nowMs - known.heardMs
    if (silentMs >= state.options.lostAfterMs) {
      state.peers.delete(peer)
      changes.push({ type: 'lost', peer })
    } else if (silentMs >= state.options.suspectAfterMs && !known.suspect) {
      known.suspect = true
      changes.push({ type: 'suspect', peer })
    }
  }
  return changes
}
