import { createHook } from 'node:async_hooks';
import { Socket } from 'node:net';
import { ownerFrame } from './owner-frame.ts';

/** A timer as Node.js creates it; `_destroyed` is true once it is cleared or has expired. */
type Timer = NodeJS.Timeout & { _destroyed: boolean };

/** The resources of an invocation that may outlive its response. */
export type UnfinishedWork = {
  /** Begins an invocation: what began before it is not its work. */
  begin(): void;
  /** The work that is under way, each as the object of a sentence. */
  list(): string[];
};

/**
 * Observes the timers and the sockets of this thread. Lambda freezes an execution environment after the response: a timer does
 * not expire, and a request is not answered, before the next invocation, or ever.
 *
 * A timer counts if the owner's code sets it: libraries set timers to close idle connections. A socket counts while it connects
 * or waits for the answer to a write: an idle connection of a pool is no work.
 */
export function observeWork(): UnfinishedWork {
  const timers = new Map<number, { timer: Timer; at: Error }>();
  /** With the bytes that a socket had read at its last write; `undefined` before the first one. */
  const sockets = new Map<Socket, number | undefined>();

  createHook({
    init(id, type, _trigger, resource) {
      if (type === 'Timeout') timers.set(id, { timer: resource as Timer, at: new Error() });
    },
    destroy: (id) => void timers.delete(id),
    trackPromises: false,
  }).enable();

  const { connect, write } = Socket.prototype;
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
    sockets.set(this, undefined);
    return Reflect.apply(connect, this, args);
  };
  Socket.prototype.write = function (this: Socket, ...args: unknown[]) {
    sockets.set(this, this.bytesRead);
    return Reflect.apply(write, this, args);
  };

  return {
    begin() {
      timers.clear();
      sockets.clear();
    },
    list() {
      const places = [...timers.values()]
        .filter(({ timer }) => !timer._destroyed && timer.hasRef())
        .flatMap(({ at }) => callerInSources(at) ?? []);
      const waiting = [...sockets].filter(
        ([socket, bytesRead]) => !socket.destroyed && (socket.connecting || socket.bytesRead === bytesRead),
      );
      return [
        ...new Set([
          ...places.map((place) => `a timer of ${place}`),
          ...waiting.map(([{ remoteAddress, remotePort }]) =>
            remoteAddress === undefined ? 'a connection' : `a request to ${remoteAddress}:${remotePort}`,
          ),
        ]),
      ];
    },
  };
}

/** The place that called Node.js, if it is in the owner's sources. */
function callerInSources({ stack = '' }: Error): string | undefined {
  const caller = stack.split('\n').find((line) => /^ +at /.test(line) && !/node:|unfinished-work/.test(line));
  return ownerFrame(caller);
}
