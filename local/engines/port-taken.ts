/** Another program listens where an engine or the local cloud wants to. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken';
  readonly code = 'PORT_TAKEN';
  /** The port that is taken, on 127.0.0.1. */
  readonly port: number;

  constructor(port: number, purpose: string) {
    super(
      `Port ${port} on 127.0.0.1, wanted for ${purpose}, is taken by another program: end that one, or choose another port.`,
    );
    this.port = port;
  }
}
