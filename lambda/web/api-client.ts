import { API_PATH, type ApiError, type Me } from '../core/dashboard/dashboard-api.ts';
import { createStore } from './page-store.ts';

/** An answer that is none. Its message is for programs; what a person reads is in `texts.ts`. */
export class Failure extends Error {
  /** HTTP's; 503 when nothing answered at all. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }

  /** Whether asking again may help. */
  get isOutage(): boolean {
    return this.status >= 500 || this.status === 429;
  }
}

/** Why nothing is shown; `undefined` while one is signed in, as far as is known. */
export type SignedOut = 'ended' | 'signed-out' | 'erased';
export const signedOut = createStore<SignedOut | undefined>(undefined);

export function get<T>(path: string, query: URLSearchParams, signal: AbortSignal): Promise<T> {
  const search = query.toString();
  return ask<T>(search ? `${path}?${search}` : path, { signal });
}

export function post<T>({ csrf }: Me, path: string, body: object = {}): Promise<T> {
  return ask<T>(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf },
    body: JSON.stringify(body),
  });
}

async function ask<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(API_PATH + path, { ...init, credentials: 'same-origin', cache: 'no-store' });
  } catch (error) {
    // Left on purpose: nobody is waiting for it any more.
    if (init.signal?.aborted) throw error;
    throw new Failure(503, 'no answer');
  }
  if (response.ok) return (await response.json()) as T;
  if (response.status === 401) signedOut.set('ended');
  const answer = (await response.json().catch(() => undefined)) as Partial<ApiError> | undefined;
  throw new Failure(response.status, answer?.error?.message ?? response.statusText);
}
