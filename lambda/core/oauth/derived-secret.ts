import type { SignInSecrets } from '../identity/upstream-provider.ts';
import { sha256 } from '../support/crypto.ts';

/**
 * A secret of the step that follows. A repeated request derives it again, so it continues the same step, and the table does
 * not contain it.
 *
 * @param id the identifier of this step, and `cookie` the secret that binds it to the browser: 256 random bits each, which
 * only this browser sends together
 */
export const derivedSecret = (purpose: string, id: string, cookie: string): Promise<string> =>
  sha256(`${purpose}\n${id}\n${cookie}`);

/** The secrets of the sign-in with this state. @param cookie the secret that binds it to the browser */
export async function signInSecrets(state: string, cookie: string): Promise<SignInSecrets> {
  const [nonce, verifier] = [derivedSecret('nonce', state, cookie), derivedSecret('verifier', state, cookie)];
  return { state, nonce: await nonce, verifier: await verifier };
}
