import type { Me, SignInState } from '../core/dashboard/dashboard-api.ts';
import { get, signOutReason } from './api-client.ts';

/** In the local storage, until when the sign-in of this browser lasts, so that the views need not wait for `me`. */
const KEY = 'dashboard-sign-in-expires';

/** Whether the user is probably signed in. */
export const expectsSignIn = (): boolean => Number(localStorage.getItem(KEY)) > Date.now();

export const expectSignIn = ({ expiresAt }: Me): void => localStorage.setItem(KEY, String(expiresAt));

signOutReason.subscribe(() => localStorage.removeItem(KEY));

/** @returns undefined for a user who is not signed in: a rejected request would be an error in the browser's console */
export async function loadMe(signal: AbortSignal): Promise<Me | undefined> {
  const none = new URLSearchParams();
  const { isSignedIn } = expectsSignIn() ? { isSignedIn: true } : await get<SignInState>('sign-in', none, signal);
  if (isSignedIn) return get<Me>('me', none, signal);
  signOutReason.set('ended');
  return undefined;
}
