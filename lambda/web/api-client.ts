import { API_PATH, type ApiError, type Me } from '../core/dashboard/dashboard-api.ts';
import { createStore } from './page-store.ts';

/** A request to the dashboard API that failed. Its message is for logs; `dashboard-text.ts` has the user's. */
export class ApiRequestError extends Error {
  /** The HTTP status; 503 without a response. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }

  /** Whether a retry can succeed. */
  get isRetryable(): boolean {
    return this.status >= 500 || this.status === 429;
  }
}

/** Why the user is signed out. */
export type SignOutReason = 'ended' | 'signed-out' | 'erased';

/** `undefined` while the user is signed in, or before the first response. */
export const signOutReason = createStore<SignOutReason | undefined>(undefined);

export function get<T>(path: string, query: URLSearchParams, signal: AbortSignal): Promise<T> {
  const search = query.toString();
  return request<T>(search ? `${path}?${search}` : path, { signal });
}

export function post<T>({ csrf }: Me, path: string, body: object = {}): Promise<T> {
  return request<T>(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf },
    body: JSON.stringify(body),
  });
}

/**
 * @param path below that of the API, or absolute
 * @throws ApiRequestError, or the abort error of the signal
 */
async function request<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path.startsWith('/') ? path : API_PATH + path, {
      ...init,
      credentials: 'same-origin',
      cache: 'no-store',
    });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiRequestError(503, 'no response');
  }
  if (response.ok) return (await response.json()) as T;
  if (response.status === 401) signOutReason.set('ended');
  const body = (await response.json().catch(() => undefined)) as Partial<ApiError> | undefined;
  throw new ApiRequestError(response.status, body?.error?.message ?? response.statusText);
}
