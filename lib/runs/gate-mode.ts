/** Which packages wait for a person before they are sent: none, those of clients unlike their own past, or all. */
export const GATE_MODES = ['off', 'variance', 'always'] as const;
export type GateMode = (typeof GATE_MODES)[number];
