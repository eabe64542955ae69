import { type Cookie, hostCookie } from '../support/cookie.ts';
import { base64url, bytes, fromBase64url } from '../support/crypto.ts';
import { parseJson } from '../support/json.ts';
import type { SharedKey } from '../support/sealed-key.ts';
import type { AccountName } from './upstream-provider.ts';

/** The account of the last sign-in in a browser. Only a cookie of this browser contains it. */
export type KnownAccount = AccountName & {
  user: string;
  /** Set while a sign-in with this account waits for approval, because the user had approved another account. */
  isUnexpected?: boolean;
};

/** How long a browser knows the account after a sign-in. */
const KNOWN_ACCOUNT_SECONDS = 30 * 86400;

/** `Lax`: an app opens the consent page from another site. The cookie signs in nowhere. */
export const accountCookie = (publicUrl: string): Cookie => hostCookie('account', publicUrl, 'Lax');

/** @param key whose other messages begin with `hrt1_` */
type Signing = { key: SharedKey; publicUrl: string; now: number };

/** The `Set-Cookie` of the account. */
export async function setAccountCookie(account: KnownAccount, { key, publicUrl, now }: Signing): Promise<string> {
  const body = base64url(bytes(JSON.stringify({ ...account, expiresAt: now + KNOWN_ACCOUNT_SECONDS })));
  const mac = await crypto.subtle.sign('HMAC', await key.load(), signedText(body));
  return accountCookie(publicUrl).set(`${body}.${base64url(new Uint8Array(mac))}`, KNOWN_ACCOUNT_SECONDS);
}

/** The account of the browser; undefined for a cookie that is absent, forged or expired. */
export async function knownAccount(
  request: Request,
  { key, publicUrl, now }: Signing,
): Promise<KnownAccount | undefined> {
  const [, body, mac] = /^([\w-]+)\.([\w-]{43})$/.exec(accountCookie(publicUrl).read(request) ?? '') ?? [];
  if (!body || !mac) return undefined;
  if (!(await crypto.subtle.verify('HMAC', await key.load(), fromBase64url(mac), signedText(body)))) return undefined;
  const signed = parseJson(new TextDecoder().decode(fromBase64url(body))) as KnownAccount & { expiresAt: number };
  const { expiresAt, ...account } = signed;
  return expiresAt > now ? account : undefined;
}

const signedText = (body: string) => bytes(`account\n${body}`);
