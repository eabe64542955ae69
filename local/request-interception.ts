import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request to an emulated service before the service has it. */
export type InterceptedRequest = {
  message: IncomingMessage;
  /** Absent where the service reads it. */
  body?: Promise<Buffer>;
  response: ServerResponse;
  /** Performs the request and sends the response. */
  answer(): Promise<unknown>;
};

/** Decides what becomes of a request, in tests of faults. */
export type Intercept = (request: InterceptedRequest) => Promise<void>;
