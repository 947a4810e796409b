import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { SharedTime } from './shared-time.ts';
import { VirtualTimer, VirtualTimers } from './virtual-timers.ts';

type Call = (...parameters: unknown[]) => void;

/** Node.js' own modules, which a thread may change; an import of them cannot be assigned to. */
const builtIn = createRequire(import.meta.url);

/** Lets everything in this thread live in virtual time: dates, timers, measured durations and time-outs. */
export function installVirtualTime(shared: SharedTime, thread: number): VirtualTimers {
  const timers = new VirtualTimers(shared, thread);
  installDate(timers, () => shared.skewOf(thread));
  installPerformance(shared);
  installTimers(timers);
  installTimeoutSignal();
  syncBuiltinESMExports();
  return timers;
}

function installDate(timers: VirtualTimers, skew: () => number): void {
  const MachineDate = Date;
  const now = (): number => timers.now() + skew();
  globalThis.Date = new Proxy(MachineDate, {
    construct: (target, parameters, newTarget) =>
      Reflect.construct(target, parameters.length === 0 ? [now()] : parameters, newTarget),
    apply: () => new MachineDate(now()).toString(),
    get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
  });
}

function installPerformance(shared: SharedTime): void {
  const machineNow = performance.now.bind(performance);
  performance.now = () => machineNow() + shared.ahead;
}

function installTimers(timers: VirtualTimers): void {
  const machineClear = globalThis.clearTimeout;
  const start = (call: Call, milliseconds: unknown, parameters: unknown[], repeats: boolean): VirtualTimer =>
    new VirtualTimer(timers, () => call(...parameters), Number(milliseconds), repeats);
  const setVirtualTimeout = (call: Call, milliseconds?: unknown, ...parameters: unknown[]) =>
    start(call, milliseconds, parameters, false);
  const setVirtualInterval = (call: Call, milliseconds?: unknown, ...parameters: unknown[]) =>
    start(call, milliseconds, parameters, true);
  const clear = (timer: unknown): void => {
    const virtual = typeof timer === 'object' ? timer : timers.numbered(Number(timer));
    if (virtual instanceof VirtualTimer) virtual.close();
    // Started before virtual time was, or by Node.js itself.
    else machineClear(timer as NodeJS.Timeout | undefined);
  };
  const globalTimers = {
    setTimeout: setVirtualTimeout,
    setInterval: setVirtualInterval,
    clearTimeout: clear,
    clearInterval: clear,
  };
  Object.assign(globalThis, globalTimers);
  Object.assign(builtIn('node:timers'), globalTimers);
  const wait = promisedTimeout(timers);
  Object.assign(builtIn('node:timers/promises'), { setTimeout: wait });
}

function promisedTimeout(timers: VirtualTimers) {
  return function wait<Value>(
    milliseconds?: number,
    value?: Value,
    { signal, ref = true }: { signal?: AbortSignal; ref?: boolean } = {},
  ): Promise<Value | undefined> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        timer.close();
        reject(new DOMException('The operation was aborted', { name: 'AbortError', cause: signal?.reason }));
      };
      const timer = new VirtualTimer(
        timers,
        () => {
          signal?.removeEventListener('abort', abort);
          resolve(value);
        },
        milliseconds ?? 1,
        false,
      );
      if (!ref) timer.unref();
      if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  };
}

function installTimeoutSignal(): void {
  AbortSignal.timeout = (milliseconds) => {
    const controller = new AbortController();
    const reason = new DOMException('The operation was aborted due to timeout', 'TimeoutError');
    setTimeout(() => controller.abort(reason), milliseconds).unref();
    return controller.signal;
  };
}
