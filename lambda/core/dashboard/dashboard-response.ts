import { logFailure } from '../support/failure-log.ts';
import type { Logger } from '../support/logger.ts';
import { RETRY_AFTER_SECONDS } from '../support/service-unavailable-error.ts';
import { singleLine } from '../support/untrusted-text.ts';
import type { ApiError } from './dashboard-api.ts';
import { DashboardError, statusOf } from './dashboard-guard.ts';

const securityHeaders = {
  'Content-Type': 'application/json',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** A response of the API. */
export function jsonResponse(body: object, init: { status?: number; headers?: Record<string, string> } = {}): Response {
  // Names and tools in it are the choice of clients and users, and the page shows them.
  const text = JSON.stringify(body, (_, value) => (typeof value === 'string' ? singleLine(value) : value));
  return new Response(text, { ...init, headers: { ...securityHeaders, ...init.headers } });
}

/** The response to a rejected request or a failure, which is logged. */
export function errorResponse(error: unknown, log: Logger): Response {
  if (error instanceof DashboardError) {
    const { code, message } = error;
    return jsonResponse({ error: { code, message } } satisfies ApiError, { status: statusOf[code] });
  }
  if (logFailure(log, error) === 'service_unavailable') {
    const body = {
      error: { code: 'service_unavailable', message: 'Service unavailable: repeat the request shortly.' },
    };
    return jsonResponse(body, { status: 503, headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) } });
  }
  const body = { error: { code: 'fault', message: 'Internal error: the log of the dashboard function has details.' } };
  return jsonResponse(body, { status: 500 });
}
