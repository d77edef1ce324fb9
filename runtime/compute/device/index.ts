/** What this machine computes on: its devices, their slots, and the class in which its results agree to the last bit. */
export { type Cpu, describeCpu, type Machine, readMachine } from './cpu.ts'
export { type ClassParts, determinismClass, type EndableEngine, type Hardware, provesExact } from './determinism.ts'
export { type DeviceKind, type ProbedDevice, type ProbeInit, probeDevices } from './probe.ts'
export { type System, thisSystem } from './system.ts'
