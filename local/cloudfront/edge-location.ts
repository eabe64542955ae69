import type { Clock, Timer } from '../../lambda/core/support/clock.ts';
import { type GatewayRequest, headerOf } from '../api-gateway/gateway-request.ts';
import type { Exchange } from '../api-gateway/request-pipeline.ts';
import { type ResponseBody, readToEnd, type SendResponse } from '../api-gateway/response-writer.ts';
import { behaviorOf, type CacheBehavior, type Distribution } from './distribution.ts';
import { EdgeCache } from './edge-cache.ts';
import { compressing, withAcceptedEncodings } from './edge-compression.ts';
import { cacheKey, forwardsHeader, originRequest } from './origin-request.ts';

/** Answers a request at the API. Never rejected, because an error is a response. */
type Origin = (exchange: Exchange) => Promise<void>;

/** A distribution: it rejects, answers from its cache, or forwards each request as its cache behavior says. */
export class EdgeLocation {
  readonly #distribution: Distribution;
  readonly #origin: Origin;
  readonly #clock: Clock;
  #cache = new EdgeCache();

  /** @param clock for the read timeout */
  constructor(distribution: Distribution, origin: Origin, clock: Clock) {
    this.#distribution = distribution;
    this.#origin = origin;
    this.#clock = clock;
  }

  /** Empties the cache. */
  invalidate(): void {
    this.#cache = new EdgeCache();
  }

  async answer(exchange: Exchange): Promise<void> {
    const { respond: send } = exchange;
    const behavior = behaviorOf(this.#distribution, exchange.request.path);
    const request = withAcceptedEncodings(exchange.request, behavior);
    if (!behavior.allowedMethods.includes(request.httpMethod)) {
      exchange.error = `The cache behavior ${behavior.pathPattern} does not allow ${request.httpMethod}`;
      return sendError(send, 403, 'This distribution is not configured to allow the method of the request.');
    }
    // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html
    if (request.httpMethod === 'GET' && hasBody(request)) {
      exchange.error = 'CloudFront rejects a GET request with a body';
      return sendError(send, 403, 'Bad request.');
    }
    if (forwardsHeader(behavior, 'host')) {
      // API Gateway knows an API by the host name of the request.
      exchange.error = `The cache behavior ${behavior.pathPattern} forwards Host, which API Gateway rejects`;
      return send({ status: 403, headers: [['Content-Type', 'application/json']] }, '{"message":"Forbidden"}');
    }
    exchange.request = originRequest(request, behavior);
    if (request.httpMethod !== 'GET') return this.#forward(exchange, behavior, send);
    return this.#cache.respond({
      key: cacheKey(request, behavior),
      lifetime: behavior.cache.lifetime,
      errorTtlSeconds: this.#distribution.errorTtlSeconds,
      now: request.receivedAt,
      send,
      forward: (respond) => this.#forward(exchange, behavior, compressing(request, behavior, respond)),
      revalidate: (respond) =>
        this.#forward({ ...exchange, abort: () => undefined }, behavior, compressing(request, behavior, respond)),
    });
  }

  /** Ends a request when the API is silent for longer than the read timeout. The function continues, as on AWS. */
  async #forward(exchange: Exchange, { readTimeoutMilliseconds }: CacheBehavior, respond: SendResponse): Promise<void> {
    const ended = Promise.withResolvers<void>();
    let isEnded = false;
    let hasHead = false;
    const silence = new SilenceTimer(this.#clock, readTimeoutMilliseconds, () => {
      isEnded = true;
      exchange.error = `CloudFront: the API was silent for ${readTimeoutMilliseconds} ms`;
      if (hasHead) exchange.abort();
      ended.resolve(hasHead ? undefined : sendError(respond, 504, 'The origin did not respond in time.'));
    });
    exchange.respond = async (head, body) => {
      silence.stop();
      if (isEnded) return readToEnd(body);
      hasHead = true;
      await respond(head, silence.observe(body));
    };
    silence.start();
    try {
      await Promise.race([this.#origin(exchange), ended.promise]);
    } finally {
      silence.stop();
    }
  }
}

/** Whether the headers of a request announce a body (RFC 9112 §6). */
const hasBody = (request: GatewayRequest): boolean =>
  headerOf(request, 'transfer-encoding') !== undefined || Number(headerOf(request, 'content-length') ?? 0) > 0;

class SilenceTimer {
  readonly #start: () => Timer;
  #timer: Timer | undefined;

  constructor(clock: Clock, milliseconds: number, action: () => void) {
    this.#start = () => clock.after(milliseconds, action);
  }

  start(): void {
    this.#timer = this.#start();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Runs the timer while the reader waits for the body, and not while the body waits for its reader. */
  observe(body: ResponseBody): ResponseBody {
    return typeof body === 'string' || Buffer.isBuffer(body) ? body : this.#observed(body);
  }

  async *#observed(chunks: AsyncIterable<Uint8Array>) {
    this.start();
    for await (const chunk of chunks) {
      this.stop();
      yield chunk;
      this.start();
    }
    this.stop();
  }
}

function sendError(send: SendResponse, status: number, reason: string): Promise<void> {
  const body = `<!DOCTYPE html><title>ERROR: The request could not be satisfied</title><p>${reason}`;
  const headers: [string, string][] = [
    ['Content-Type', 'text/html'],
    ['Server', 'CloudFront'],
    ['X-Cache', 'Error from cloudfront'],
  ];
  return send({ status, headers }, body);
}
